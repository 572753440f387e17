import { Malformed, type RandomAccess, readExactly, TooLarge } from './random-access.ts'

/**
 * Reads forward through a file by way of a window, so that a skipped gigabyte is never read and little is held at once.
 * Numbers are little-endian. What is read without waiting must have been made available with `need`.
 */
export interface Cursor {
  position(): number
  /** Makes the next bytes available; at most `LARGEST_NEED`. Throws Malformed where the file ends before. */
  need(length: number): Promise<void>
  /** As `need`, but content with what is left of the file. */
  want(length: number): Promise<void>
  /** Whether so many bytes can be read without waiting. */
  has(length: number): boolean
  u8(): number
  u32(): number
  u64(): bigint
  /** A view, valid until the next `need`. */
  bytes(length: number): Buffer
  /** Reads nothing. Throws Malformed where the file ends before. */
  skip(length: number): void
  seek(position: number): void
}

export const LARGEST_NEED = 64 * 1024
const SMALLEST_WINDOW = 4 * 1024
const LARGEST_WINDOW = 1024 * 1024

export interface CursorLimits {
  /** Bytes read from the file in all. */
  readonly bytes: number
  readonly reads: number
}

/** Throws TooLarge where more would be read than the limits allow. */
export function createCursor(source: RandomAccess, limits: CursorLimits): Cursor {
  let window: Buffer = Buffer.alloc(0)
  let start = 0
  let at = 0
  let size = SMALLEST_WINDOW
  let bytesLeft = limits.bytes
  let readsLeft = limits.reads

  async function fill(length: number): Promise<void> {
    // Reading on where the window ends pays off with larger windows, leaping ahead with small ones.
    const onward = at <= start + window.length
    size = onward ? Math.min(size * 2, LARGEST_WINDOW) : SMALLEST_WINDOW
    const count = Math.min(Math.max(size, length), source.size - at)
    bytesLeft -= count
    readsLeft--
    if (bytesLeft < 0 || readsLeft < 0) throw new TooLarge('its header is too large to look through')
    window = await readExactly(source, at, count)
    start = at
  }

  const has = (length: number): boolean => at >= start && at + length <= start + window.length

  const take = (length: number): number => {
    if (!has(length)) throw new Error('read before it was made available')
    const offset = at - start
    at += length
    return offset
  }

  return {
    position: () => at,
    has,
    async need(length) {
      if (has(length)) return
      if (length > LARGEST_NEED) throw new TooLarge('one of its parts is too large')
      if (at + length > source.size) throw new Malformed('it ends too early')
      await fill(length)
    },
    async want(length) {
      const rest = Math.min(length, source.size - at)
      if (!has(rest)) await fill(rest)
    },
    u8: () => window.readUInt8(take(1)),
    u32: () => window.readUInt32LE(take(4)),
    u64: () => window.readBigUInt64LE(take(8)),
    bytes(length) {
      const offset = take(length)
      return window.subarray(offset, offset + length)
    },
    skip(length) {
      if (length < 0 || at + length > source.size) throw new Malformed('it ends too early')
      at += length
    },
    seek(position) {
      if (position < 0 || position > source.size) throw new Malformed('it ends too early')
      at = position
    },
  }
}

/** A length or count as a number. Throws Malformed above `most`. */
export function bounded(value: bigint, most: number): number {
  if (value > BigInt(most)) throw new Malformed('one of its lengths is impossible')
  return Number(value)
}
