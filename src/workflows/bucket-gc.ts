import { BallastError, type CallOptions } from '../core/index.ts'
import { collectRemote, type RemoteGcReport } from '../remotes/index.ts'
import { openBucketRoot } from './bucket-remotes.ts'
import type { ImageAccess } from './image-places.ts'

export interface BucketGcOptions extends CallOptions {
  readonly access: ImageAccess
  readonly dryRun?: boolean
  /** As the user writes it: `24h`, `90m`, `7d`. */
  readonly grace?: string | undefined
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Removes what nothing leads to below a place of a bucket. Throws USAGE, NOT_FOUND and LOCKED. */
export async function bucketGc(
  text: string,
  { access, grace, ...options }: BucketGcOptions,
): Promise<RemoteGcReport> {
  const { bucket, root } = await openBucketRoot(text, access)
  return collectRemote(bucket, {
    ...options,
    root,
    ...(grace !== undefined && { graceMs: parseGrace(grace) }),
  })
}

function parseGrace(text: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? []
  const ms = UNITS[unit]
  if (count !== undefined && ms !== undefined) return Number(count) * ms
  throw new BallastError('USAGE', `${text} is no time`, {
    hint: 'write a number with s, m, h or d: --grace 24h',
  })
}
