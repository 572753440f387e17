import type { ByteRange, Content } from '../core/index.ts'
import { damaged } from './header.ts'

/** Bytes in order. What is skipped is never held. Throws DAMAGED where the input ends inside what is asked for. */
export interface ByteReader {
  /** Of the next byte, from the beginning of the input. */
  position(): number
  /** Undefined at the end of the input. */
  read(length: number): Promise<Buffer | undefined>
  skip(length: number): Promise<void>
  /** Reads on to the end of an input that wants to be read whole. */
  drain(): Promise<void>
  close(): Promise<void>
}

export function streamReader(chunks: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = chunks[Symbol.asyncIterator]()
  let rest: Uint8Array = new Uint8Array(0)
  let position = 0

  async function more(): Promise<boolean> {
    const next = await iterator.next()
    if (next.done !== true) rest = next.value
    return next.done !== true
  }

  async function read(length: number): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = []
    let missing = length
    while (missing > 0) {
      if (rest.length === 0 && !(await more())) {
        if (missing === length) return undefined
        return cutShort()
      }
      const part = rest.subarray(0, missing)
      rest = rest.subarray(part.length)
      missing -= part.length
      parts.push(part)
    }
    position += length
    const [only] = parts
    if (parts.length === 1 && only !== undefined)
      return Buffer.from(only.buffer, only.byteOffset, only.length)
    return Buffer.concat(parts)
  }

  async function skip(length: number): Promise<void> {
    for (let missing = length; missing > 0; ) {
      if (rest.length === 0 && !(await more())) cutShort()
      const step = Math.min(missing, rest.length)
      rest = rest.subarray(step)
      missing -= step
    }
    position += length
  }

  return {
    position: () => position,
    read,
    skip,
    async drain() {
      while (await more());
    },
    async close() {
      await iterator.return?.()
    },
  }
}

/** Enough for the headers of many small entries, little beside one large one. */
const WINDOW = 64 * 1024

/** Skipping costs nothing, whatever the length. */
export function seekingReader(content: Content): ByteReader {
  let position = 0
  let window: Buffer = Buffer.alloc(0)
  let start = 0

  async function read(length: number): Promise<Buffer | undefined> {
    if (length > 0 && position === content.size) return undefined
    if (position + length > content.size) return cutShort()
    if (position < start || position + length > start + window.length) {
      const size = Math.min(Math.max(length, WINDOW), content.size - position)
      window = await readWindow(content, { offset: position, length: size })
      start = position
      if (window.length < size) return cutShort()
    }
    const part = window.subarray(position - start, position - start + length)
    position += length
    return part
  }

  async function skip(length: number): Promise<void> {
    if (position + length > content.size) cutShort()
    position += length
  }

  return { position: () => position, read, skip, drain: nothing, close: nothing }
}

/** Without a copy where it comes in one piece, as from a file it does. */
async function readWindow(content: Content, range: ByteRange): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of content.open(range)) parts.push(part)
  const [only] = parts
  if (parts.length === 1 && only !== undefined) {
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  }
  return Buffer.concat(parts)
}

async function nothing(): Promise<void> {}

export function cutShort(): never {
  throw damaged('it is cut short')
}
