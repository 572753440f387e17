import { type FileHandle, open, rename, truncate } from 'node:fs/promises'
import {
  type AnyDigest,
  appendHashed,
  BallastError,
  type Digest,
  discard,
  fileContent,
  isSha512,
  isSystemError,
  named,
  type StreamHash,
  sha512Of,
  sourceOf,
  startHash,
} from '../../core/index.ts'
import { type Store, UPLOAD_IDLE_MS } from '../../store/index.ts'
import type { Uploads } from './storage.ts'

/** What this process knows of an upload beyond its file. */
interface Upload {
  /** Of all bytes so far; undefined where others wrote some of them, so that they have to be read again. */
  hash: StreamHash | undefined
  size: number
  /** Of the request that adds to it now. */
  running: AbortController | undefined
}

export interface StoreUploadsOptions {
  /** Called while the new blob is still leased by its upload, to keep it from then on. */
  readonly keep: (digests: readonly Digest[]) => Promise<void>
  /** An upload that nobody goes on with for so long is given up, in milliseconds. */
  readonly idleMs?: number
  readonly limits?: UploadLimits
}

export interface UploadLimits {
  /** Of one blob, in bytes. */
  readonly mostBytes?: number | undefined
  /** Begun and not ended, by all clients together. */
  readonly mostOpen?: number | undefined
}

/**
 * Uploads into a store. Their bytes stand in files, so that a client goes on after a restart of this process; hashed
 * while they come, and read again only where another process wrote them.
 */
export function createStoreUploads(
  store: Store,
  {
    keep,
    idleMs = UPLOAD_IDLE_MS,
    limits: { mostBytes = MOST_BYTES, mostOpen = MOST_OPEN } = {},
  }: StoreUploadsOptions,
): Uploads & { close(): Promise<void> } {
  const files = store.uploads
  const uploads = new Map<string, Upload>()

  function forget(id: string): void {
    const upload = uploads.get(id)
    uploads.delete(id)
    if (upload?.running === undefined) endHash(upload)
    else upload.running.abort(new BallastError('INTERRUPTED', 'the upload was cancelled'))
  }

  async function remove(id: string): Promise<void> {
    forget(id)
    await files.remove(id)
  }

  async function occupy(id: string): Promise<{ readonly path: string; readonly upload: Upload }> {
    const size = await files.size(id)
    const path = files.path(id)
    if (size === undefined || path === undefined)
      throw new BallastError('NOT_FOUND', 'there is no such upload')
    const known = uploads.get(id)
    if (known?.running !== undefined)
      throw new BallastError('CONFLICT', 'another request adds to this upload')
    if (known?.size !== size) forget(id)
    const upload = uploads.get(id) ?? { hash: undefined, size, running: undefined }
    uploads.set(id, upload)
    upload.running = new AbortController()
    return { path, upload }
  }

  async function sweep(): Promise<void> {
    for (const id of await files.idle(idleMs)) if (uploads.get(id)?.running === undefined) await remove(id)
  }

  // Nobody waits for this; what cannot be removed now is removed by `gc`.
  const timer = setInterval(() => void sweep().catch(() => undefined), Math.min(idleMs, MOST_BETWEEN_MS))
  timer.unref()

  return {
    async create() {
      if ((await files.count()) >= mostOpen) {
        throw new BallastError('LOCKED', 'too many uploads are open: end some, or come again', {
          retryable: true,
        })
      }
      // Makes the store where there is none, and says so where it cannot be written to.
      await (await store.begin()).close()
      const id = await files.create()
      uploads.set(id, { hash: startHash(), size: 0, running: undefined })
      return id
    },
    async size(id) {
      const known = uploads.get(id)
      return known?.running === undefined ? files.size(id) : known.size
    },
    async append(id, chunks) {
      const { path, upload } = await occupy(id)
      try {
        await addTo(path, upload, upTo(mostBytes - upload.size, chunks))
      } finally {
        upload.running = undefined
        if (uploads.get(id) !== upload) endHash(upload)
      }
      return upload.size
    },
    async commit(id, digest) {
      const { path, upload } = await occupy(id)
      try {
        if (isSha512(digest)) await checkSha512(path, upload.size, digest)
        const hashed = upload.hash && { digest: await upload.hash.digest(), size: upload.size }
        await using session = await store.begin()
        const place = async (to: string): Promise<boolean> => {
          await rename(path, to)
          return true
        }
        const expected = isSha512(digest) ? {} : { digest }
        const stored = await store.blobs.ingestPlaced(session, place, {
          item: `upload ${id}`,
          expected,
          hashed,
        })
        if (stored === undefined) return
        if (isSha512(digest)) await store.aliases.put(session, digest, stored.digest)
        await keep([stored.digest])
      } catch (error) {
        throw isSystemError(error, 'ENOENT')
          ? new BallastError('NOT_FOUND', 'there is no such upload', { cause: error })
          : error
      } finally {
        uploads.delete(id)
        await discard(path)
      }
    },
    async cancel(id) {
      if ((await files.size(id)) === undefined) return false
      await remove(id)
      return true
    },
    async close() {
      clearInterval(timer)
      for (const id of [...uploads.keys()]) forget(id)
    },
  }
}

const MOST_BETWEEN_MS = 10 * 60_000
/** No registry takes larger ones; a disk is full before. */
const MOST_BYTES = 10 * 1024 ** 4
/** Several for each of hundreds of clients. */
const MOST_OPEN = 2048

/** Throws REFUSED instead of giving more bytes than there is room for. */
async function* upTo(room: number, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let left = room
  for await (const chunk of chunks) {
    left -= chunk.length
    if (left < 0) throw new BallastError('REFUSED', 'the blob is larger than this registry takes')
    yield chunk
  }
}

/** Whoever gives a digest up has to ask for it, or it would occupy its thread for good. */
function endHash(upload: Upload | undefined): void {
  upload?.hash?.digest().catch(() => undefined)
}

async function addTo(path: string, upload: Upload, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const { hash, size: position, running } = upload
  const iterator = untilAborted(chunks[Symbol.asyncIterator](), running?.signal)
  const handle = await openOf(path)
  const onBytes = (count: number): void => {
    upload.size += count
  }
  try {
    await named(path, () => appendHashed(sourceOf(iterator), handle, { hash, position, onBytes }))
  } catch (error) {
    await truncate(path, upload.size).catch(() => undefined)
    throw error
  } finally {
    await iterator.return?.()
    await handle.close()
  }
}

/** Does not wait for the bytes of a client that may never send them. */
function untilAborted(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterator<Uint8Array> {
  // A race against one promise for all chunks would keep every one of them until the end.
  let stop: ((reason: unknown) => void) | undefined
  signal?.addEventListener('abort', () => stop?.(signal.reason), { once: true })
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        stop = reject
        iterator.next().then(resolve, reject)
      }),
    async return() {
      const ended = iterator.return?.()
      if (!signal?.aborted) await ended
      return { done: true, value: undefined }
    },
  }
}

async function openOf(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw new BallastError('NOT_FOUND', 'there is no such upload')
    throw error
  }
}

async function checkSha512(path: string, size: number, expected: AnyDigest): Promise<void> {
  const found = await sha512Of(fileContent(path, size).open())
  if (found === expected) return
  throw new BallastError('DAMAGED', `digest ${expected} expected, the bytes have ${found}`)
}
