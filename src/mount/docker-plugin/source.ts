import type { Digest } from '../../core/index.ts'
import type { Delivery } from '../delivery.ts'

/** Where the plugin's models come from; what users read in its errors is written there. */
export interface ModelSource {
  /** Throws USAGE for what cannot be a model of the store. `follows`: whether it can move. Asks nobody. */
  readonly check: (ref: string) => { readonly link: string; readonly follows: boolean }
  /** What it means now. Throws NOT_FOUND, DAMAGED. */
  readonly resolve: (ref: string) => Promise<Delivery>
  /** Only the digest, often; undefined where there is nothing. */
  readonly digestOf: (ref: string) => Promise<Digest | undefined>
  /** Adds to a failure of the store which command mends it. */
  readonly explain: (error: unknown, ref: string) => Promise<unknown>
}
