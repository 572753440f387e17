import {
  createStoreStorage,
  createTokens,
  type RunningRegistry,
  type StartOptions,
  startRegistry,
} from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { admitTag } from '../workflows/resolve.ts'

export interface ServeOptions extends Pick<StartOptions, 'users' | 'readOnly' | 'tls' | 'mostConnections'> {
  readonly listen: { readonly host: string; readonly port: number }
  /** Whether a login is asked for once, and a token with every request. */
  readonly withTokens?: boolean
  /** Of one blob that is pushed, in bytes. */
  readonly mostBytes?: number | undefined
  readonly log: (line: string) => void
}

export interface Serving extends Pick<RunningRegistry, 'renew'> {
  /** `http://127.0.0.1:5000` */
  readonly url: string
  readonly close: () => Promise<void>
}

/** Answers the OCI distribution API over the store's models and images. Throws REFUSED, CONFLICT for a port in use. */
export async function serveRegistry(
  store: Store,
  { withTokens = false, mostBytes, ...options }: ServeOptions,
): Promise<Serving> {
  const storage = createStoreStorage(store, {
    mostBytes,
    admit: (name, tag, digest) => admitTag(store, { name, tag, digest }),
  })
  return startRegistry({ ...options, storage, tokens: withTokens ? createTokens() : undefined })
}
