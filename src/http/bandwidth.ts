import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from '../core/index.ts'

/** A limit that several transfers share, first come, first served. */
export interface Bandwidth {
  /** Waits until so many bytes may move. Throws INTERRUPTED. */
  take(bytes: number, signal?: AbortSignal): Promise<void>
}

/** What was not used may be made up for later, within this time. */
const BURST_MS = 100

export function createBandwidth(bytesPerSecond: number): Bandwidth {
  /** When the bytes that were let through so far would have passed a link of that rate. */
  let passed = performance.now()
  return {
    async take(bytes, signal) {
      const now = performance.now()
      passed = Math.max(passed, now - BURST_MS)
      const wait = passed - now
      passed += (bytes / bytesPerSecond) * 1000
      if (wait > 0) await sleep(wait, undefined, signal && { signal }).catch(() => undefined)
      throwIfAborted(signal)
    },
  }
}
