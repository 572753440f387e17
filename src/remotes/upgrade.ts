import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket } from '../buckets/index.ts'
import { BallastError, type CallOptions, throwIfAborted } from '../core/index.ts'
import { FORMAT, LARGEST_RECORD, type RemoteLayout } from './layout.ts'
import { giveSignsOfLife, livingBelow } from './leases.ts'

const WAIT_MS = 60_000
const POLL_MS = 1_000

export function ownFormat(): Buffer {
  return Buffer.from(`${FORMAT}\n`)
}

/** Undefined where there is no remote. */
export async function formatOf(
  bucket: Bucket,
  { format }: RemoteLayout,
  options: CallOptions = {},
): Promise<number | undefined> {
  const found = await bucket.get(format, { ...options, limit: LARGEST_RECORD })
  return found === undefined ? undefined : Number(found.toString())
}

/**
 * Makes a remote of a former format one of this: to be called before a lease is taken and anything written. Pushes that are under way
 * may be those of a former Ballast, which knows nothing of that, so it waits for them to end. Throws LOCKED where they do not.
 */
export async function upgradeRemote(
  bucket: Bucket,
  layout: RemoteLayout,
  { waitMs = WAIT_MS, ...options }: CallOptions & { readonly waitMs?: number } = {},
): Promise<void> {
  // For the time of the server, and no lease, so that two who upgrade do not wait for each other.
  const sign = await giveSignsOfLife(bucket, layout.upgrades, options)
  try {
    const until = performance.now() + waitMs
    for (;;) {
      if (((await formatOf(bucket, layout, options)) ?? FORMAT) >= FORMAT) return
      const now = sign.serverTime()
      const living = await livingBelow(bucket, { prefix: layout.leases, now }, options)
      if (living.length === 0) break
      if (performance.now() >= until) throw othersAtWork(bucket, layout)
      throwIfAborted(options.signal)
      await sleep(POLL_MS)
    }
    await bucket.put(layout.format, ownFormat(), options)
  } finally {
    await sign.end()
  }
}

function othersAtWork({ address }: Bucket, { root }: RemoteLayout): BallastError {
  return new BallastError(
    'LOCKED',
    `${address}/${root} is of a former format, and others are at work there`,
    {
      hint: 'run it again once they have ended; one that was killed counts for a quarter of an hour',
      retryable: true,
    },
  )
}
