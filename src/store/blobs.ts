import { open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type ByteSource,
  type CallOptions,
  type Content,
  createSharedSync,
  type Digest,
  digestOfHex,
  discard,
  fileContent,
  hexOf,
  isBallastError,
  isSystemError,
  lent,
  listIfPresent,
  makeShared,
  named,
  systemCode,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import {
  type BlobInfo,
  type IngestOptions,
  type PlacedOptions,
  seal,
  stampPlaced,
  stampVerified,
  VERIFIED_TIME,
  writeBlob,
} from './blob-file.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Session } from './session.ts'

export interface Ingested extends BlobInfo {
  /** Whether the same bytes were there already. */
  readonly existed: boolean
}

/** Immutable content addressed by digest. A blob is visible only once it is complete, verified and durable. */
export interface BlobStore {
  /** Undefined when absent or known to be damaged. Never reads the content. */
  stat(digest: Digest): Promise<BlobInfo | undefined>
  /** Not verified. Opening throws NOT_FOUND when the blob is missing. */
  content(blob: BlobInfo): Content
  path(digest: Digest): string
  /** Stores what `content` yields and leases it for the session. */
  ingest(
    session: Session,
    content: AsyncIterable<Uint8Array> | ByteSource,
    options: IngestOptions,
  ): Promise<Ingested>
  /**
   * The same for a file that `place` puts at the path it is given, by a reflink or a hard link: its bytes are read
   * once and written never. Undefined, and nothing stored, when `place` answers false. Throws REFUSED for a file that
   * somebody writes to meanwhile.
   */
  ingestPlaced(
    session: Session,
    place: (path: string) => Promise<boolean>,
    options: PlacedOptions,
  ): Promise<Ingested | undefined>
  /**
   * Takes over a file on the store's own file system that its caller alone has written, and whose digest was made of what
   * is in it. Its former path is gone afterwards.
   */
  adopt(
    session: Session,
    { path, blob }: { readonly path: string; readonly blob: BlobInfo },
  ): Promise<Ingested>
  list(): Promise<readonly BlobInfo[]>
  remove(digest: Digest): Promise<void>
  /**
   * In constant time where nothing has written to the blob since it was verified, else by reading it. Throws NOT_FOUND,
   * and DAMAGED also for a blob that is sound and has another size.
   */
  ensureIntact(blob: BlobInfo): Promise<void>
  /** Reads and hashes the blob, and remembers the outcome; not that of a sound one of another size, which is `damaged`. */
  rehash(blob: BlobInfo, options?: CallOptions): Promise<'intact' | 'damaged' | 'missing'>
  /** Remembers that the blob's bytes are wrong, so that storing it again replaces it. */
  markDamaged(digest: Digest): Promise<void>
}

export function createBlobStore(layout: StoreLayout): BlobStore {
  const pathOf = (digest: Digest): string => blobPath(layout, digest)
  const syncBlobs = createSharedSync(layout.blobs)
  const damagedMark = (digest: Digest): string => join(layout.damaged, hexOf(digest))

  async function statBlob(digest: Digest): Promise<BlobInfo | undefined> {
    const found = await statOrUndefined(pathOf(digest))
    if (found === undefined || (await statOrUndefined(damagedMark(digest))) !== undefined) return undefined
    return { digest, size: found.size }
  }

  async function rehash(
    blob: BlobInfo,
    options: CallOptions = {},
  ): Promise<'intact' | 'damaged' | 'missing'> {
    const path = pathOf(blob.digest)
    const found = await statOrUndefined(path)
    if (found === undefined) return 'missing'
    const what = { step: 'verify', item: blob.digest } as const
    try {
      // By the size that it has: a wrong one in somebody's manifest does not make the bytes wrong.
      const stored = { digest: blob.digest, size: found.size }
      options.onProgress?.({ kind: 'start', ...what, total: found.size })
      for await (const chunk of verified(fileContent(path, found.size).open(), stored)) {
        throwIfAborted(options.signal)
        options.onProgress?.({ kind: 'bytes', ...what, count: chunk.length })
      }
    } catch (error) {
      // A `gc` beside this one may have removed it meanwhile.
      if (isSystemError(error, 'ENOENT')) return 'missing'
      // A sector that cannot be read any more is no better than a wrong one.
      if (!isBallastError(error, 'DAMAGED') && !isSystemError(error, 'EIO')) throw error
      await markDamaged(blob.digest)
      return 'damaged'
    } finally {
      options.onProgress?.({ kind: 'done', ...what })
    }
    await rm(damagedMark(blob.digest), { force: true }).catch(ignoreDisk)
    await stampVerified(path).catch(ignoreDisk)
    return found.size === blob.size ? 'intact' : 'damaged'
  }

  async function markDamaged(digest: Digest): Promise<void> {
    await makeShared(layout.damaged, layout.sharing).catch(ignoreDisk)
    await writeFile(damagedMark(digest), '').catch(ignoreDisk)
  }

  async function ensureIntact(blob: BlobInfo): Promise<void> {
    const info = await statOrUndefined(pathOf(blob.digest))
    if (info === undefined) throw missingBlob(blob.digest)
    const known = await statOrUndefined(damagedMark(blob.digest))
    const untouched = info.size === blob.size && info.mtimeMs === VERIFIED_TIME.getTime()
    if (known === undefined && untouched) return
    const found = known === undefined ? await rehash({ ...blob, size: info.size }) : 'damaged'
    if (found === 'missing') throw missingBlob(blob.digest)
    if (found === 'damaged') throw damagedBlob(blob.digest)
    if (info.size !== blob.size) throw otherSize(blob, info.size)
  }

  async function isIntact(blob: BlobInfo): Promise<boolean> {
    try {
      await ensureIntact(blob)
      return true
    } catch (error) {
      if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'DAMAGED')) return false
      throw error
    }
  }

  async function publish(session: Session, temporary: string, blob: BlobInfo): Promise<boolean> {
    await session.lease([blob.digest])
    if (await isIntact(blob)) {
      await discard(temporary)
      // Whoever renamed it there may not have come to this yet.
      await syncBlobs()
      return true
    }
    await rename(temporary, pathOf(blob.digest))
    await syncBlobs()
    await rm(damagedMark(blob.digest), { force: true })
    return false
  }

  /** `write` makes the temporary file, whole and durable, or says that it cannot. */
  async function ingestBy(
    session: Session,
    write: (temporary: string) => Promise<BlobInfo | undefined>,
    { item, onProgress }: IngestOptions,
  ): Promise<Ingested | undefined> {
    const temporary = join(session.directory, `blob-${process.hrtime.bigint()}`)
    try {
      const blob = await write(temporary)
      if (blob === undefined) return undefined
      const existed = await publish(session, temporary, blob)
      onProgress?.({ kind: 'done', step: 'add', item, digest: blob.digest })
      return { ...blob, existed }
    } catch (error) {
      await discard(temporary)
      throw error
    }
  }

  return {
    stat: statBlob,
    path: pathOf,
    rehash,
    markDamaged,
    ensureIntact,
    content: (blob) => {
      const file = fileContent(pathOf(blob.digest), blob.size)
      return {
        size: blob.size,
        open: (range) => orMissing(blob, file.open(range)),
        lend: (range) => orMissing(blob, lent(file, range)),
      }
    },
    async ingest(session, content, options) {
      const write = (path: string): Promise<BlobInfo> => writeBlob(path, content, options)
      return (await ingestBy(session, write, options)) as Ingested
    },
    ingestPlaced: (session, place, options) =>
      ingestBy(
        session,
        async (path) => ((await place(path)) ? stampPlaced(path, options) : undefined),
        options,
      ),
    async adopt(session, { path, blob }) {
      const handle = await open(path, 'r')
      try {
        await named(path, () => seal(handle, blob))
      } finally {
        await handle.close()
      }
      return { ...blob, existed: await publish(session, path, blob) }
    },
    async list() {
      const names = await listIfPresent(layout.blobs)
      const blobs: BlobInfo[] = []
      for (const name of names) {
        if (!/^[0-9a-f]{64}$/.test(name)) continue
        const found = await statOrUndefined(join(layout.blobs, name))
        if (found !== undefined) blobs.push({ digest: digestOfHex(name), size: found.size })
      }
      return blobs
    },
    async remove(digest) {
      await rm(pathOf(digest), { force: true })
      await rm(damagedMark(digest), { force: true })
    },
  }
}

async function* orMissing(
  { digest }: BlobInfo,
  chunks: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    throw isSystemError(error, 'ENOENT') ? missingBlob(digest) : error
  }
}

export function missingBlob(digest: Digest): BallastError {
  return new BallastError('NOT_FOUND', `the store has no blob ${digest}`)
}

export function damagedBlob(digest: Digest): BallastError {
  return new BallastError(
    'DAMAGED',
    `the stored blob ${digest} is damaged: its bytes no longer match its digest`,
  )
}

/** For `catch`: undefined in place of what the store has not got, or what is damaged. */
export function unlessGone(error: unknown): undefined {
  if (!isBallastError(error, 'NOT_FOUND') && !isBallastError(error, 'DAMAGED')) throw error
}

function otherSize({ digest, size }: BlobInfo, found: number): BallastError {
  return new BallastError('DAMAGED', `${size} bytes expected of the blob ${digest}, which has ${found}`, {
    hint: 'what names it by that size is wrong; the blob itself is sound',
  })
}

async function statOrUndefined(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** What is only remembered for next time may be lost: on a full disk, or in a store that this user cannot write to. */
function ignoreDisk(error: unknown): void {
  if (systemCode(error) === undefined) throw error
}
