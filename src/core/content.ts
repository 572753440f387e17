import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createHasher, type Digest } from './digest.ts'
import { BallastError, named, throwIfAborted } from './errors.ts'

/** Bytes `offset` to `offset + length - 1`. */
export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/**
 * Bytes of a known length that can be read any number of times, whole or in part.
 * Never a bare stream: that is what makes retry, resume and verification possible.
 */
export interface Content {
  readonly size: number
  /**
   * Opens afresh at each call; nothing is held open once the iteration ends. Bytes that are elsewhere are not waited for
   * once the signal is aborted: then it throws INTERRUPTED.
   */
  open(range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /**
   * The same for whoever is done with each chunk before asking for the next, which may overwrite it: however many read at
   * once, each takes one piece of memory. Absent where it would save nothing. Chunks are of `LENT_SIZE`, but for the last.
   */
  lend?(range?: ByteRange): AsyncIterable<Uint8Array>
  /** Set where nobody else uses the memory of a chunk that `open` gives, so that its reader may free it. */
  readonly ownChunks?: boolean
}

/** Of the memory that one reader takes, in bytes. */
export const LENT_SIZE = 256 * 1024

/** `lend` of what has it, else `open`. */
export function lent(content: Content, range?: ByteRange): AsyncIterable<Uint8Array> {
  return content.lend === undefined ? content.open(range) : content.lend(range)
}

/** Large enough that a system call costs little beside the copy of its bytes. */
export const CHUNK_SIZE = 1024 * 1024

export function bytesContent(data: Uint8Array): Content {
  return {
    size: data.length,
    async *open(range) {
      yield range === undefined ? data : data.subarray(range.offset, range.offset + range.length)
    },
  }
}

/** A part of another content; ranges count from its beginning. */
export function slice(content: Content, { offset, length }: ByteRange): Content {
  return {
    size: length,
    open: (range = { offset: 0, length }, signal) =>
      content.open({ offset: offset + range.offset, length: range.length }, signal),
    lend: (range = { offset: 0, length }) =>
      lent(content, { offset: offset + range.offset, length: range.length }),
  }
}

/** The bytes of a file; `size` is trusted, so a file that shrinks meanwhile ends early. */
export function fileContent(path: string, size: number): Content {
  return {
    size,
    open(range = { offset: 0, length: size }) {
      if (range.length === 0) return empty()
      // A stream costs several times as much as a small file's bytes.
      if (range.length <= CHUNK_SIZE) return readOnce(path, range)
      return createReadStream(path, {
        start: range.offset,
        end: range.offset + range.length - 1,
        highWaterMark: CHUNK_SIZE,
      })
    },
    lend: (range = { offset: 0, length: size }) => lendFile(path, range),
  }
}

async function* lendFile(path: string, { offset, length }: ByteRange): AsyncIterable<Uint8Array> {
  const handle = await open(path, 'r')
  try {
    const memory = Buffer.allocUnsafeSlow(Math.min(length, LENT_SIZE))
    for (let done = 0; done < length; ) {
      const wanted = memory.subarray(0, Math.min(memory.length, length - done))
      const read = await named(path, () => readFully(handle, wanted, offset + done))
      if (read > 0) yield wanted.subarray(0, read)
      if (read < wanted.length) return
      done += read
    }
  } finally {
    await handle.close()
  }
}

/** Less than there is room for only at the end of the file. */
async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let done = 0
  for (let read = 1; read > 0 && done < into.length; done += read) {
    read = (await handle.read(into, done, into.length - done, position + done)).bytesRead
  }
  return done
}

async function* empty(): AsyncIterable<Uint8Array> {}

async function* readOnce(path: string, { offset, length }: ByteRange): AsyncIterable<Uint8Array> {
  const handle = await open(path, 'r')
  const data = Buffer.allocUnsafe(length)
  let done = 0
  try {
    done = await named(path, () => readFully(handle, data, offset))
  } finally {
    await handle.close()
  }
  if (done > 0) yield data.subarray(0, done)
}

export interface Expected {
  readonly digest: Digest
  readonly size: number
}

/** Passes chunks on; throws DAMAGED instead of ending when length or digest differ from what is expected. */
export async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  expected: Expected,
  what = `content ${expected.digest}`,
): AsyncIterable<Uint8Array> {
  const hasher = createHasher()
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > expected.size) break
    hasher.update(chunk)
    yield chunk
  }
  refuseOther({ size, digest: hasher.digest() }, expected, what)
}

/** Throws DAMAGED where what was found is not what was expected; a size that is too large may be of a beginning. */
export function refuseOther(found: Expected, expected: Expected, what: string): void {
  if (found.size !== expected.size) {
    const size = found.size > expected.size ? 'more' : `${found.size}`
    throw new BallastError('DAMAGED', `${what}: ${expected.size} bytes expected, ${size} found`)
  }
  if (found.digest !== expected.digest) {
    throw new BallastError('DAMAGED', `${what}: the bytes found have digest ${found.digest}`)
  }
}

/** Calls `onBytes` with the length of each chunk, and stops between chunks once the signal is aborted. */
export async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    throwIfAborted(signal)
    onBytes(chunk.length)
    yield chunk
  }
}

/** The whole content in memory. Throws REFUSED above `limit` bytes: meant for manifests, never for models. */
export async function readAll(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limit) throw new BallastError('REFUSED', `more than ${limit} bytes where less was expected`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
