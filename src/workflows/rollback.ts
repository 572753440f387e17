import type { CallOptions, Digest } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { rollbackTag } from './catalog.ts'

export interface RollbackResult {
  readonly ref: string
  readonly digest: Digest
  readonly number: number | undefined
  readonly warnings: readonly string[]
}

/** Returns a model's tag, an image's tag or a mounted directory to what it was before its last move. */
export async function rollback(
  store: Store,
  operand: string,
  _options: CallOptions = {},
): Promise<RollbackResult> {
  return { ...(await rollbackTag(store, operand)), warnings: [] }
}
