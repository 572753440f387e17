import type { CallOptions } from '../core/index.ts'
import { diffVersions, type FileChange } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { compareMetadata, type MetadataChange } from './metadata.ts'
import { compareMetrics, type FigureChange } from './metrics.ts'
import { seeVersion } from './seen-version.ts'

export interface DiffResult {
  readonly from: string
  readonly to: string
  readonly changes: readonly FileChange[]
  readonly same: number
  readonly newBytes: number
  /** Figures of evaluations that either has, each as it was measured last. */
  readonly metrics: readonly FigureChange[]
  /** What is not said alike of both. */
  readonly metadata: readonly MetadataChange[]
}

/** Of versions of the store, or elsewhere. Throws what `seeVersion` throws. */
export async function diff(
  store: Store,
  [from, to]: readonly [string, string],
  { access, ...options }: CallOptions & { readonly access: ImageAccess },
): Promise<DiffResult> {
  const a = await seeVersion(store, { ref: from, access }, options)
  const b = await seeVersion(store, { ref: to, access }, options)
  return {
    from: a.ref,
    to: b.ref,
    ...diffVersions(a, b),
    metrics: compareMetrics(a.metrics, b.metrics),
    metadata: compareMetadata(a.metadata, b.metadata),
  }
}
