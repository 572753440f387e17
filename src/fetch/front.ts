import type { FileHandle } from 'node:fs/promises'
import { type ByteSource, type StreamChecksum, throwIfAborted } from '../core/index.ts'
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

/** A file in its order while it arrives: from what the system has in memory still, so that reading it again costs little. */
export function sourceBehind(
  front: Front,
  {
    handle,
    size,
    signal,
  }: { readonly handle: FileHandle; readonly size: number; readonly signal: AbortSignal },
): ByteSource {
  let position = 0
  let end = 0
  return {
    async ready() {
      if (position === end && end < size) end = await front.beyond(position, signal)
    },
    async read(into) {
      const length = Math.min(into.length, end - position)
      if (length === 0) return 0
      const { bytesRead } = await handle.read(into, 0, length, position)
      position += bytesRead
      return bytesRead
    },
  }
}

/** The same bytes, of which a checksum is made on their way. */
export function summed(source: ByteSource, sum: StreamChecksum): ByteSource {
  return {
    ...(source.ready && { ready: source.ready }),
    async read(into) {
      const length = await source.read(into)
      if (length > 0) await sum.update(into.subarray(0, length))
      return length
    },
  }
}
