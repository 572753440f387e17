import type { RandomAccess } from '../formats/index.ts'

/** The bytes end before what is read does. */
export class Ended extends Error {
  constructor() {
    super('it ends too early')
  }
}

/**
 * Reads forward through bytes by way of a window, so that what is skipped is never read. Numbers are little-endian.
 * What is read without waiting must have been made ready. Throws Ended where the bytes end before.
 */
export interface Reader {
  position(): number
  /** Bytes from here to the end. */
  left(): number
  isReady(length: number): boolean
  /** Makes the next bytes ready, or what is left. */
  prepare(length: number): Promise<void>
  u8(): number
  u16(): number
  u32(): number
  i32(): number
  u64(): bigint
  /** A view, valid until the next `prepare`. */
  bytes(length: number): Buffer
  /** Reads nothing. */
  skip(length: number): void
  seek(position: number): void
  /** Whether so many lines are ready, ends included. */
  hasLines(count: number): boolean
  /** Of the next line, without its end; undefined where that is not ready. */
  lineLength(): number | undefined
  /** Where the next byte of this value is, from here on; undefined where there is none within `most` bytes. */
  find(byte: number, most: number): Promise<number | undefined>
}

const LARGEST_WINDOW = 256 * 1024
const SMALLEST_WINDOW = 4 * 1024

export function createReader(source: RandomAccess, start = 0): Reader {
  let window: Buffer = Buffer.alloc(0)
  let from = start
  let at = start
  let windowSize = SMALLEST_WINDOW / 2

  const isReady = (length: number): boolean => at >= from && at + length <= from + window.length
  const take = (length: number): number => {
    if (length < 0 || at + length > source.size) throw new Ended()
    if (!isReady(length)) throw new Error('read before it was made ready')
    const offset = at - from
    at += length
    return offset
  }
  const prepare = async (length: number): Promise<void> => {
    const wanted = Math.min(length, source.size - at)
    if (wanted <= 0 || isReady(wanted)) return
    // Leaping ahead, little is read; reading on, much at once.
    const isOnward = at <= from + window.length
    windowSize = isOnward ? Math.min(windowSize * 2, LARGEST_WINDOW) : SMALLEST_WINDOW
    const size = Math.min(Math.max(windowSize, wanted), source.size - at)
    const bytes = await source.read(at, size)
    if (bytes.length < size) throw new Ended()
    window = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    from = at
  }

  return {
    position: () => at,
    left: () => source.size - at,
    isReady,
    prepare,
    u8: () => window.readUInt8(take(1)),
    u16: () => window.readUInt16LE(take(2)),
    u32: () => window.readUInt32LE(take(4)),
    i32: () => window.readInt32LE(take(4)),
    u64: () => window.readBigUInt64LE(take(8)),
    bytes(length) {
      const offset = take(length)
      return window.subarray(offset, offset + length)
    },
    skip(length) {
      if (length < 0 || at + length > source.size) throw new Ended()
      at += length
    },
    seek(position) {
      if (position < 0 || position > source.size) throw new Ended()
      at = position
    },
    hasLines(count) {
      let offset = at - from
      if (offset < 0 || offset > window.length) return false
      for (let index = 0; index < count; index++) {
        const end = window.indexOf(0x0a, offset)
        if (end < 0) return false
        offset = end + 1
      }
      return true
    },
    lineLength() {
      const offset = at - from
      if (offset < 0 || offset > window.length) return undefined
      const end = window.indexOf(0x0a, offset)
      return end < 0 ? undefined : end - offset
    },
    async find(byte, most) {
      const begin = at
      const end = Math.min(source.size, begin + most)
      try {
        while (at < end) {
          await prepare(Math.min(SMALLEST_WINDOW, end - at))
          const found = window.subarray(at - from).indexOf(byte)
          if (found >= 0) return at + found < end ? at + found : undefined
          at = from + window.length
        }
        return undefined
      } finally {
        at = begin
      }
    },
  }
}
