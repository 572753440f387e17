import {
  diffVersions,
  type FileChange,
  formatReference,
  type MetadataValues,
  type Metrics,
  mergeMetadata,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { compareMetadata, type MetadataChange, readMetadata } from './metadata.ts'
import { compareMetrics, type FigureChange, readMetrics } from './metrics.ts'
import { findVersion, type ResolvedVersion } from './resolve.ts'

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

/** Throws what `findVersion` throws. */
export async function diff(store: Store, [from, to]: readonly [string, string]): Promise<DiffResult> {
  const [a, b] = [await findVersion(store, from), await findVersion(store, to)]
  const [before, after] = [await metricsOf(store, a), await metricsOf(store, b)]
  return {
    from: formatReference(a.reference),
    to: formatReference(b.reference),
    ...diffVersions(a.version, b.version),
    metrics: compareMetrics(before, after),
    metadata: compareMetadata(await metadataOf(store, a), await metadataOf(store, b)),
  }
}

async function metadataOf(store: Store, { reference, version }: ResolvedVersion): Promise<MetadataValues> {
  return mergeMetadata(await (await readMetadata(store, reference.name))(version.digest))
}

async function metricsOf(store: Store, { reference, version }: ResolvedVersion): Promise<readonly Metrics[]> {
  return (await readMetrics(store, reference.name))(version.digest)
}
