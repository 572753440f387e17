import type { OutgoingRequest, Send } from '../../http/index.ts'
import type { Scope } from '../protocol/index.ts'

export interface RegistryRequest extends OutgoingRequest {
  /** What a token has to allow for this, what is written to first. */
  readonly scopes?: readonly Scope[]
}

export type RegistrySend = Send<RegistryRequest>
