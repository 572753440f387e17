import { BallastError, throwIfAborted } from '../core/index.ts'

/**
 * How many reads go on at once, for all files together. Begins with several and grows while that brings more bytes a
 * second: what one connection gets is limited by its round trips, by servers for each connection, or by the link alone.
 */
export interface Lanes {
  /** May change at any time. */
  readonly count: number
  /** Does the work once a lane is free: first come, first served. Throws INTERRUPTED for who waits. */
  use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** So many bytes have arrived on one of them. */
  moved(bytes: number): void
  /** A read broke off, or was turned away: there may be too many. */
  troubled(): void
}

export interface LanesOptions {
  readonly start?: number
  readonly most?: number
  readonly now?: () => number
}

const START = 8
const MOST = 32
const LEAST = 2
/** In milliseconds. Long enough that round trips and bursts do not count. */
const MEASURE_MS = 250
/** More lanes are worth while when they bring so much more. */
const GAIN = 1.08
const GROWTH = 1.5
/** After which what was found is found anew: others use the link as well. */
const PAUSE_MS = 10_000

export function createLanes({
  start = START,
  most = MOST,
  now = () => performance.now(),
}: LanesOptions = {}): Lanes {
  const waiting: (() => void)[] = []
  let count = start
  let busy = 0
  let measured = { since: now(), bytes: 0, fewest: 0 }
  /** The best so far, in bytes a millisecond, and with how many lanes. */
  let best = { rate: 0, count: start }
  let pausedUntil = 0

  function admit(): void {
    while (busy < count) {
      const next = waiting.shift()
      if (next === undefined) return
      busy++
      next()
    }
  }

  function enter(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        waiting.splice(waiting.indexOf(begin), 1)
        reject(new BallastError('INTERRUPTED', 'interrupted', { cause: signal?.reason }))
      }
      throwIfAborted(signal)
      signal?.addEventListener('abort', leave, { once: true })
      waiting.push(begin)
      admit()
    })
  }

  function measureAnew(): void {
    measured = { since: now(), bytes: 0, fewest: busy }
  }

  function setCount(next: number): void {
    count = Math.min(most, Math.max(LEAST, next))
    measureAnew()
    admit()
  }

  /** Only of a time in which all lanes were used does the rate say something about their number. */
  function consider(ms: number): void {
    const rate = measured.bytes / ms
    if (measured.fewest < count || now() < pausedUntil) {
      measureAnew()
    } else if (rate > best.rate * GAIN) {
      best = { rate, count }
      setCount(Math.ceil(count * GROWTH))
    } else {
      pausedUntil = now() + PAUSE_MS
      const former = best.count
      best = { rate: 0, count: former }
      setCount(former)
    }
  }

  return {
    get count() {
      return count
    },
    async use(work, signal) {
      await enter(signal)
      try {
        return await work()
      } finally {
        busy--
        admit()
        measured.fewest = Math.min(measured.fewest, busy)
      }
    },
    moved(bytes) {
      measured.bytes += bytes
      const ms = now() - measured.since
      if (ms >= MEASURE_MS) consider(ms)
    },
    troubled() {
      pausedUntil = now() + PAUSE_MS
      best = { rate: 0, count: Math.ceil(count / 2) }
      setCount(Math.ceil(count / 2))
    },
  }
}
