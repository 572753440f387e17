import { throwIfAborted } from '../core/index.ts'
import { unlessAborted } from '../http/index.ts'

/** How far a file is there from its beginning on, for who reads behind. */
export interface Front {
  /** It never goes back. */
  moveTo(place: number): void
  /** Where it is, once it is beyond `place`. Throws INTERRUPTED. */
  beyond(place: number, signal: AbortSignal): Promise<number>
}

export function createFront(): Front {
  let front = 0
  let moved = Promise.withResolvers<void>()
  return {
    moveTo(place) {
      if (place <= front) return
      front = place
      moved.resolve()
      moved = Promise.withResolvers()
    },
    async beyond(place, signal) {
      throwIfAborted(signal)
      while (front <= place) await unlessAborted(moved.promise, signal)
      return front
    },
  }
}
