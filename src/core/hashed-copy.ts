import type { FileHandle } from 'node:fs/promises'
import { createBufferPool } from './buffer-pool.ts'
import type { Digest } from './digest.ts'
import { writeFully } from './durable-file.ts'
import { throwIfAborted } from './errors.ts'
import { createHashThreads, type StreamHash } from './hash-threads.ts'

/** Bytes that are read once, from beginning to end, into memory of the reader's. */
export interface ByteSource {
  /**
   * For bytes that may be long in coming, from a network: ends once `read` has some at hand, or the end. Memory is not
   * taken before, or a few peers that send nothing would keep it from everybody else.
   */
  ready?(): Promise<void>
  /** Fills as much as it can at once; 0 at the end. Not called again before it has answered. */
  read(into: Uint8Array): Promise<number>
}

export interface HashedCopy {
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
}

export interface HashedCopyOptions {
  readonly signal?: AbortSignal | undefined
  readonly onBytes?: (count: number) => void
}

/** Large enough that calls and turns cost little, small enough that several copies fit in memory together. */
const CHUNK = 2 * 1024 * 1024
/** For all copies of the process together. */
const pool = createBufferPool({ count: 16, size: CHUNK })
const threads = createHashThreads()

/** The disk is kept busy from the start: left to the end, a sync would wait for all of the file at once. */
const SYNCED_TOGETHER = 64 * CHUNK

/**
 * Reads, hashes and writes at the same time, so that a copy costs the slowest of the three. The handle's file has to
 * be empty; it is not synced to the end. Every byte is in the file when the call returns, and nothing uses the handle
 * any more when it throws.
 */
export async function copyHashed(
  source: ByteSource,
  handle: FileHandle,
  options: HashedCopyOptions = {},
): Promise<HashedCopy> {
  return pump(
    source,
    options,
    (chunk, position) => writeFully(handle, chunk, position),
    async () => handle.datasync(),
  )
}

/** Starts a digest of bytes that `appendHashed` writes. Whoever gives it up has to ask for it all the same. */
export function startHash(): StreamHash {
  return threads.start()
}

export interface AppendOptions extends HashedCopyOptions {
  /** Of the bytes before the position; it is brought up to what is written. */
  readonly hash: StreamHash | undefined
  readonly position: number
}

/**
 * Writes from the position on, each byte after the one before it, so that whatever ends this process leaves no hole. When
 * it throws, the file holds, and the hash covers, what `onBytes` was told of; what stands behind it is to be cut off.
 */
export async function appendHashed(
  source: ByteSource,
  handle: FileHandle,
  { hash, position, ...options }: AppendOptions,
): Promise<void> {
  let before: Promise<void> = Promise.resolve()
  const place = (chunk: Uint8Array, offset: number): Promise<void> => {
    before = before.then(() => writeFully(handle, chunk, position + offset))
    return before.then(() => hash?.update(chunk))
  }
  await transfer(source, options, place, async () => handle.datasync())
}

/** Digest and length of what the source gives. */
export function hashOf(source: ByteSource, options: HashedCopyOptions = {}): Promise<HashedCopy> {
  const nothing = async (): Promise<void> => undefined
  return pump(source, options, nothing, nothing)
}

async function pump(
  source: ByteSource,
  options: HashedCopyOptions,
  write: (chunk: Uint8Array, position: number) => Promise<void>,
  sync: () => Promise<void>,
): Promise<HashedCopy> {
  const hash = threads.start()
  const place = (chunk: Uint8Array, position: number): Promise<void> =>
    bothOf(write(chunk, position), hash.update(chunk))
  const [size] = await Promise.allSettled([transfer(source, options, place, sync)])
  const [digest] = await Promise.allSettled([hash.digest()])
  if (size.status === 'rejected') throw size.reason
  if (digest.status === 'rejected') throw digest.reason
  return { digest: digest.value, size: size.value }
}

async function transfer(
  source: ByteSource,
  { signal, onBytes }: HashedCopyOptions,
  place: (chunk: Uint8Array, position: number) => Promise<void>,
  sync: () => Promise<void>,
): Promise<number> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  /** Goes on beside the reading; the first failure ends the copy. */
  const beside = (work: Promise<void>, after?: () => void): void => {
    const done: Promise<void> = work
      .catch((error: unknown) => void failures.push(error))
      .finally(() => {
        running.delete(done)
        after?.()
      })
    running.add(done)
  }
  let size = 0
  let unsynced = 0
  let isSyncing = false
  while (failures.length === 0) {
    const taken = await nextChunk(source, signal).catch((error: unknown) => void failures.push(error))
    if (taken === undefined) break
    const { buffer, length } = taken
    const chunk = buffer.subarray(0, length)
    beside(
      place(chunk, size).then(() => onBytes?.(length)),
      () => pool.give(buffer),
    )
    size += length
    unsynced += length
    if (unsynced >= SYNCED_TOGETHER && !isSyncing) {
      unsynced = 0
      isSyncing = true
      beside(sync(), () => {
        isSyncing = false
      })
    }
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
  return size
}

/** Undefined at the end. The buffer is the caller's to give back. */
async function nextChunk(
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<{ readonly buffer: Uint8Array; readonly length: number } | undefined> {
  await source.ready?.()
  const buffer = await pool.take()
  let length = 0
  try {
    throwIfAborted(signal)
    length = await source.read(buffer)
  } finally {
    if (length === 0) pool.give(buffer)
  }
  return length === 0 ? undefined : { buffer, length }
}

/** Ends when both have ended, however they did: the memory that they share must not be used again before. */
export async function bothOf(...works: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

/** One after the other. Whoever stops early has to end the iterator. */
export function sourceOf(iterator: AsyncIterator<Uint8Array>): ByteSource {
  let rest: Uint8Array = new Uint8Array(0)
  let isOver = false
  const ready = async (): Promise<void> => {
    while (rest.length === 0 && !isOver) {
      const next = await iterator.next()
      if (next.done === true) isOver = true
      else rest = next.value
    }
  }
  return {
    ready,
    async read(into) {
      await ready()
      const part = rest.subarray(0, into.length)
      into.set(part)
      rest = rest.subarray(part.length)
      return part.length
    },
  }
}

/** A file from its beginning, which the handle's position does not change. */
export function fileSource(handle: FileHandle): ByteSource {
  let position = 0
  return {
    async read(into) {
      const { bytesRead } = await handle.read(into, 0, into.length, position)
      position += bytesRead
      return bytesRead
    },
  }
}
