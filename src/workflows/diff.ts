import { diffVersions, type FileChange, formatReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { resolveVersion } from './resolve.ts'

export interface DiffResult {
  readonly from: string
  readonly to: string
  readonly changes: readonly FileChange[]
  readonly same: number
  readonly newBytes: number
}

/** Throws what `resolveVersion` throws. */
export async function diff(store: Store, [from, to]: readonly [string, string]): Promise<DiffResult> {
  const [a, b] = [await resolveVersion(store, from), await resolveVersion(store, to)]
  return {
    from: formatReference(a.reference),
    to: formatReference(b.reference),
    ...diffVersions(a.version, b.version),
  }
}
