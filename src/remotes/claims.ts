import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket, BucketObject } from '../buckets/index.ts'
import { BallastError, type CallOptions, throwIfAborted } from '../core/index.ts'

/** A claim counts for so long, and is never renewed: what is done under it takes a few requests. */
const CLAIM_MS = 60_000
/** Times have whole seconds, and a write may be stamped before it can be seen. */
const SETTLE_MS = 2_000
const POLL_MS = 500
const PATIENCE_MS = 120_000

/**
 * Runs the work while no other claim comes before this one: for servers without conditional writes. Claims are objects; the
 * oldest by the server's clock counts, until it is removed or a minute old. `stillHeld` throws CONFLICT once half of that is over.
 * It rests on the server listing at once what was written, and on no request taking longer than half a minute.
 */
export async function withClaim<T>(
  bucket: Bucket,
  prefix: string,
  options: CallOptions,
  work: (stillHeld: () => void) => Promise<T>,
): Promise<T> {
  const key = `${prefix}${randomBytes(8).toString('hex')}`
  const began = performance.now()
  try {
    for (;;) {
      const claimed = performance.now()
      await bucket.put(key, Buffer.from('1'), options)
      if (await comesFirst(bucket, { prefix, key, claimed, began }, options)) {
        return await work(() => {
          if (performance.now() - claimed > CLAIM_MS / 2) throw taken(bucket)
        })
      }
    }
  } finally {
    await bucket.remove(key).catch(() => undefined)
  }
}

interface Claim {
  readonly prefix: string
  readonly key: string
  readonly claimed: number
  readonly began: number
}

/** Waits for those before it. False once this claim is too old to be of use. Throws LOCKED. */
async function comesFirst(
  bucket: Bucket,
  { prefix, key, claimed, began }: Claim,
  options: CallOptions,
): Promise<boolean> {
  await sleep(SETTLE_MS)
  while (performance.now() - claimed < CLAIM_MS / 3) {
    throwIfAborted(options.signal)
    const claims: BucketObject[] = []
    for await (const claim of bucket.list(prefix, options)) claims.push(claim)
    const own = claims.find((claim) => claim.key === key)
    if (own === undefined) return false
    // Of the server's clock: ours is of no use beside it.
    const now = own.modified.getTime() + performance.now() - claimed
    const [first] = claims
      .filter(({ modified }) => now - modified.getTime() < CLAIM_MS)
      .sort((a, b) => a.modified.getTime() - b.modified.getTime() || (a.key < b.key ? -1 : 1))
    if (first?.key === key) return true
    if (performance.now() - began > PATIENCE_MS) {
      throw new BallastError('LOCKED', `${bucket.address} is being changed by others all the time`, {
        hint: 'run the command again',
      })
    }
    await sleep(POLL_MS)
  }
  return false
}

function taken({ address }: Bucket): BallastError {
  return new BallastError('CONFLICT', `${address} answers too slowly to be changed under a lock`, {
    hint: 'run the command again',
  })
}
