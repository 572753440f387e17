import type { CallOptions } from '../core/index.ts'
import { collectRemote, type RemoteGcReport } from '../remotes/index.ts'
import { openBucketRoot } from './bucket-remotes.ts'
import { parseDuration } from './duration.ts'
import type { ImageAccess } from './image-places.ts'

export interface BucketGcOptions extends CallOptions {
  readonly access: ImageAccess
  readonly dryRun?: boolean
  /** As the user writes it: `24h`, `90m`, `7d`. */
  readonly grace?: string | undefined
}

/** Removes what nothing leads to below a place of a bucket. Throws USAGE, NOT_FOUND and LOCKED. */
export async function bucketGc(
  text: string,
  { access, grace, ...options }: BucketGcOptions,
): Promise<RemoteGcReport> {
  const { bucket, root } = await openBucketRoot(text, access)
  return collectRemote(bucket, {
    ...options,
    root,
    ...(grace !== undefined && { graceMs: parseDuration(grace, '--grace') }),
  })
}
