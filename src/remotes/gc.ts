import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket } from '../buckets/index.ts'
import { BallastError, type CallOptions, type Digest, digestOfHex, forEachLimited } from '../core/index.ts'
import { blobKey, layoutOf, type RemoteLayout } from './layout.ts'
import { giveSignsOfLife, livingBelow, type SignOfLife } from './leases.ts'
import { liveDigests } from './reachable.ts'
import { checkFormat } from './record-writer.ts'

export interface RemoteGcOptions extends CallOptions {
  readonly root: string
  readonly dryRun?: boolean
  /** How long what nothing leads to stays, in milliseconds: for who reads it still. */
  readonly graceMs?: number
  /** How long to wait for pushes that are under way, in milliseconds. */
  readonly waitMs?: number
}

interface Garbage {
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
}

export interface RemoteGcReport {
  readonly removed: readonly Garbage[]
  readonly removedBytes: number
  readonly kept: number
  /** Uploads that were begun and never completed. */
  readonly unfinished: number
}

const DEFAULT_GRACE_MS = 24 * 60 * 60_000
const AT_ONCE = 16
const POLL_MS = 1_000

/**
 * Removes blobs of a remote that no tag, number or document leads to, and that were written, and removed from every model, longer
 * ago than the grace time, by the server's clock. It announces itself before it reads the leases, and a push that takes
 * one waits for an announced `gc`: one of the two therefore always sees the other. Throws LOCKED while pushes are under way.
 */
export async function collectRemote(bucket: Bucket, options: RemoteGcOptions): Promise<RemoteGcReport> {
  const { dryRun = false, graceMs = DEFAULT_GRACE_MS, ...calls } = options
  const layout = layoutOf(options.root)
  if ((await checkFormat(bucket, layout, calls)) === undefined) throw noRemote(bucket, layout)
  const announced = dryRun ? undefined : await announce(bucket, layout, options)
  try {
    // A dry run writes nothing, so it has no time of the server's.
    const now = announced?.serverTime() ?? Date.now()
    const live = await liveDigests(bucket, layout, { before: now - graceMs, ...calls })
    const { garbage, kept } = await garbageIn(bucket, layout, { live, before: now - graceMs }, calls)
    if (announced !== undefined) await sweep(bucket, layout, { garbage, announced }, calls)
    const unfinished = dryRun
      ? 0
      : await bucket.removeUnfinished(layout.blobs, new Date(now - graceMs), calls)
    return {
      removed: garbage,
      removedBytes: garbage.reduce((sum, { size }) => sum + size, 0),
      kept,
      unfinished,
    }
  } finally {
    await announced?.end()
  }
}

/** Withdrawn while others are at work, so that nobody who begins has to wait for those. */
async function announce(
  bucket: Bucket,
  layout: RemoteLayout,
  { waitMs = 60_000, signal }: RemoteGcOptions,
): Promise<SignOfLife> {
  const until = performance.now() + waitMs
  for (;;) {
    const announced = await giveSignsOfLife(bucket, layout.collections, { signal })
    const now = announced.serverTime()
    const others = [
      ...(await livingBelow(bucket, { prefix: layout.leases, now }, { signal })),
      ...(await livingBelow(bucket, { prefix: layout.collections, now }, { signal })),
    ].filter((key) => key !== announced.key)
    if (others.length === 0) return announced
    await announced.end()
    if (performance.now() > until) {
      throw new BallastError(
        'LOCKED',
        `${bucket.address}/${layout.root}: ${others.length} others are at work there`,
        {
          hint: 'run it again once they have ended; one that was killed counts for a quarter of an hour',
        },
      )
    }
    // Two that withdraw together should not meet again.
    await sleep(POLL_MS * (1 + Math.random()))
  }
}

interface Marked {
  readonly live: ReadonlySet<Digest>
  /** In milliseconds, by the server's clock: what was written later stays. */
  readonly before: number
}

async function garbageIn(
  bucket: Bucket,
  { blobs }: RemoteLayout,
  { live, before }: Marked,
  options: CallOptions,
): Promise<{ readonly garbage: readonly Garbage[]; readonly kept: number }> {
  const garbage: Garbage[] = []
  let kept = 0
  for await (const { key, size, modified } of bucket.list(blobs, options)) {
    const hex = key.slice(blobs.length)
    if (!/^[0-9a-f]{64}$/.test(hex)) continue
    const digest = digestOfHex(hex)
    if (live.has(digest) || modified.getTime() > before) kept++
    else garbage.push({ digest, size })
  }
  return { garbage, kept }
}

async function sweep(
  bucket: Bucket,
  layout: RemoteLayout,
  { garbage, announced }: { readonly garbage: readonly Garbage[]; readonly announced: SignOfLife },
  { signal }: CallOptions,
): Promise<void> {
  const remove = async ({ digest }: Garbage, stop: AbortSignal): Promise<void> => {
    // Who took its announcement for lapsed may rely on the blob by now.
    announced.requireAlive()
    await bucket.remove(blobKey(layout, digest), { signal: stop })
  }
  await forEachLimited(garbage, AT_ONCE, remove, signal)
}

function noRemote({ address }: Bucket, { root }: RemoteLayout): BallastError {
  return new BallastError('NOT_FOUND', `${address}/${root} holds no models that were pushed there`, {
    hint: 'name the place below which they are: ballast gc s3://BUCKET/PATH',
  })
}
