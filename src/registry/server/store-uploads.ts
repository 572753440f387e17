import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { BallastError, CHUNK_SIZE, type Digest } from '../../core/index.ts'
import type { BlobInfo, Session, Store } from '../../store/index.ts'
import type { Uploads } from './storage.ts'

interface Upload {
  readonly session: Session
  /** Carries the bytes of one request after the other into a single `ingest`, so that none is written twice. */
  readonly feed: PassThrough
  /** What `ingest` compares the digest with after the last byte; it is set only then. */
  readonly expected: { digest?: Digest }
  readonly stored: Promise<BlobInfo>
  readonly timer: NodeJS.Timeout
  size: number
  busy: boolean
}

export interface StoreUploadsOptions {
  /** Called while the new blob is still leased by its upload, to keep it from then on. */
  readonly keep: (digests: readonly Digest[]) => Promise<void>
  /** An upload that nobody goes on with for so long is given up, in milliseconds. */
  readonly idleMs?: number
}

/** Clients that go on with an upload do so within seconds, and until then its bytes take up room. */
const IDLE_MS = 10 * 60_000

/** Uploads into a store. They live in this process: after a restart a client begins again. */
export function createStoreUploads(
  store: Store,
  { keep, idleMs = IDLE_MS }: StoreUploadsOptions,
): Uploads & { close(): Promise<void> } {
  const uploads = new Map<string, Upload>()

  async function cancel(id: string): Promise<boolean> {
    const upload = uploads.get(id)
    if (upload === undefined) return false
    upload.feed.destroy(new BallastError('INTERRUPTED', 'the upload was cancelled'))
    await upload.stored.catch(() => undefined)
    await forget(id, upload)
    return true
  }

  async function forget(id: string, upload: Upload): Promise<void> {
    uploads.delete(id)
    clearTimeout(upload.timer)
    await upload.session.close()
  }

  function occupy(id: string): Upload {
    const upload = uploads.get(id)
    if (upload === undefined) throw new BallastError('NOT_FOUND', 'there is no such upload')
    if (upload.busy) throw new BallastError('CONFLICT', 'another request adds to this upload')
    upload.busy = true
    return upload
  }

  return {
    cancel,
    async create() {
      const id = randomBytes(16).toString('hex')
      const session = await store.begin()
      const feed = new PassThrough({ highWaterMark: CHUNK_SIZE }).on('error', () => undefined)
      const expected: Upload['expected'] = {}
      const stored = store.blobs.ingest(session, feed, { item: `upload ${id}`, expected })
      stored.catch(() => undefined)
      // Nobody waits for this; a session that stays behind is removed by `gc` once this process is gone.
      const timer = setTimeout(() => void cancel(id).catch(() => undefined), idleMs).unref()
      uploads.set(id, { session, feed, expected, stored, timer, size: 0, busy: false })
      return id
    },
    async size(id) {
      return uploads.get(id)?.size
    },
    async append(id, chunks) {
      const upload = occupy(id)
      const { feed, stored, timer } = upload
      try {
        for await (const chunk of chunks) {
          const ready = feed.write(chunk)
          upload.size += chunk.length
          timer.refresh()
          // A store that fails (a full disk) makes no room any more: `stored` then says why.
          if (!ready) await Promise.race([once(feed, 'drain'), stored])
        }
      } catch (error) {
        if (feed.destroyed) await forget(id, upload)
        throw error
      } finally {
        upload.busy = false
      }
      return upload.size
    },
    async commit(id, digest) {
      const upload = occupy(id)
      // The client has done its part, however long a slow disk takes for the rest.
      clearTimeout(upload.timer)
      try {
        upload.expected.digest = digest
        upload.feed.end()
        await upload.stored
        await keep([digest])
      } finally {
        await forget(id, upload)
      }
    },
    async close() {
      await Promise.all([...uploads.keys()].map(cancel))
    },
  }
}
