import { BallastError, type CallOptions } from '../core/index.ts'
import { collectRemote, listModels, openBucketRepository, type RemoteGcReport } from '../remotes/index.ts'
import {
  byPlace,
  candidatesFor,
  type Hold,
  heldByTags,
  type RetentionPolicy,
  type RetentionReport,
  returnsToFormer,
  type TagFacts,
  type VersionFacts,
} from '../store/index.ts'
import { type BucketRoot, openBucketRoot } from './bucket-remotes.ts'
import { parseDuration } from './duration.ts'
import type { ImageAccess } from './image-places.ts'

export interface BucketGcOptions extends CallOptions {
  readonly access: ImageAccess
  readonly dryRun?: boolean
  /** As the user writes it: `24h`, `90m`, `7d`. */
  readonly grace?: string | undefined
  /** Which versions stay; without one, all do. */
  readonly policy?: RetentionPolicy | undefined
}

export interface BucketGcResult extends RemoteGcReport {
  readonly retention?: RetentionReport
}

/**
 * Removes what nothing leads to below a place of a bucket; with a policy versions go first, but for those that a tag holds, or a rollback
 * of it returns to. Their bytes stay for the grace time. Throws USAGE, NOT_FOUND and LOCKED.
 */
export async function bucketGc(
  text: string,
  { access, grace, policy, dryRun = false, ...options }: BucketGcOptions,
): Promise<BucketGcResult> {
  const graceMs = grace === undefined ? undefined : parseDuration(grace, '--grace')
  if (policy?.budget !== undefined) {
    throw new BallastError('USAGE', 'a budget is for a store, on a disk that is full at some time', {
      hint: 'of a bucket: --keep-last and --keep-within',
    })
  }
  const place = await openBucketRoot(text, access)
  const retention = policy && (await removeVersions(place, { policy, access, dryRun }, options))
  const { bucket, root } = place
  const report = await collectRemote(bucket, {
    ...options,
    dryRun,
    root,
    ...(graceMs !== undefined && { graceMs }),
  })
  return { ...report, ...(retention && { retention }) }
}

interface Removal {
  readonly policy: RetentionPolicy
  readonly access: ImageAccess
  readonly dryRun: boolean
}

/** A tag that is moved to a version meanwhile keeps its bytes, as that of any version without a number. */
async function removeVersions(
  { bucket, root }: BucketRoot,
  { policy, access, dryRun }: Removal,
  options: CallOptions,
): Promise<RetentionReport> {
  const removed: VersionFacts[] = []
  const kept: RetentionReport['kept'][number][] = []
  for (const model of await listModels(bucket, root, options)) {
    const repository = openBucketRepository(bucket, { root, name: model, lock: access.lock })
    const { records } = repository
    try {
      const versions = (await records.listVersions(options)).map(({ number, digest, time }) => ({
        ...{ model, number, digest, time },
      }))
      const tags: TagFacts[] = []
      for (const { tag, digest } of await records.listTags(options)) {
        const moves = returnsToFormer(tag) ? await records.history(tag, options) : []
        tags.push({ tag, digest, former: moves.map(({ record }) => record.digest) })
      }
      const byTag = heldByTags(model, { versions, tags })
      const held = ({ digest }: VersionFacts): readonly Hold[] => byTag.get(digest) ?? []
      const chosen = candidatesFor(versions, { policy, held, now: Date.now() })
      kept.push(...chosen.kept)
      removed.push(...chosen.free)
      if (dryRun || chosen.free.length === 0) continue
      const writer = await repository.writer(options)
      for (const { number } of chosen.free) await records.removeVersion(writer, number, options)
    } finally {
      // It leases, and whoever collects waits for leases.
      await repository.close()
    }
  }
  return { removed, kept: kept.sort(byPlace) }
}
