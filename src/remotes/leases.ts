import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bucket } from '../buckets/index.ts'
import { BallastError, type CallOptions, throwIfAborted } from '../core/index.ts'
import type { RemoteLayout } from './layout.ts'

/** A sign of life counts for so long. Twenty are due in that time, so that no slow answer ends anything. */
const LIFE_MS = 15 * 60_000
const RENEW_MS = LIFE_MS / 20
const POLL_MS = 1_000

/** An object that says that somebody is at work, for as long as it is renewed. Everything by the server's clock. */
export interface SignOfLife {
  readonly key: string
  /** The server's time, by what it stamped and what has passed since. */
  serverTime(): number
  /** Throws CONFLICT when it may have lapsed: the machine slept, or the server was away. */
  requireAlive(): void
  end(): Promise<void>
}

export async function giveSignsOfLife(
  bucket: Bucket,
  prefix: string,
  options: CallOptions = {},
): Promise<SignOfLife> {
  const key = `${prefix}${randomBytes(8).toString('hex')}`
  const write = async (): Promise<number> => {
    const before = Date.now()
    await bucket.put(key, Buffer.from('1'), options)
    return before
  }
  let renewed = await write()
  const first = await bucket.head(key, options)
  const began = performance.now()
  const timer = setInterval(() => {
    write().then(
      (at) => {
        renewed = at
      },
      // Whoever relies on it asks whether it is alive.
      () => undefined,
    )
  }, RENEW_MS).unref()
  return {
    key,
    serverTime: () => (first?.modified.getTime() ?? 0) + performance.now() - began,
    requireAlive() {
      // By the wall clock, because it alone goes on while a machine sleeps. A clock that was set ends the work in vain, and safely.
      if (Math.abs(Date.now() - renewed) < LIFE_MS / 2) return
      throw new BallastError('CONFLICT', `${bucket.address} did not hear of this command for too long`, {
        hint: 'run it again: what has arrived is not sent twice',
      })
    },
    async end() {
      clearInterval(timer)
      await bucket.remove(key).catch(() => undefined)
    },
  }
}

/** Keys below the prefix whose owners are at work. */
export async function livingBelow(
  bucket: Bucket,
  { prefix, now }: { readonly prefix: string; readonly now: number },
  options: CallOptions = {},
): Promise<readonly string[]> {
  const living: string[] = []
  for await (const { key, modified } of bucket.list(prefix, options)) {
    if (now - modified.getTime() < LIFE_MS) living.push(key)
  }
  return living
}

/**
 * To be held by who relies on blobs of the remote, before it looks for any. Waits for a `gc` that has announced itself,
 * because that one may not have seen the lease.
 */
export async function takeLease(
  bucket: Bucket,
  { leases, collections }: RemoteLayout,
  options: CallOptions = {},
): Promise<SignOfLife> {
  const lease = await giveSignsOfLife(bucket, leases, options)
  try {
    while (
      (await livingBelow(bucket, { prefix: collections, now: lease.serverTime() }, options)).length > 0
    ) {
      throwIfAborted(options.signal)
      await sleep(POLL_MS)
    }
    return lease
  } catch (error) {
    await lease.end()
    throw error
  }
}
