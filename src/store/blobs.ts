import { chmod, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Content,
  createHasher,
  type Digest,
  digestOfHex,
  fileContent,
  hexOf,
  isBallastError,
  isSystemError,
  listIfPresent,
  makeDirectory,
  syncDirectory,
  throwIfAborted,
  verified,
  writeFully,
} from '../core/index.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Session } from './session.ts'

export interface BlobInfo {
  readonly digest: Digest
  readonly size: number
}

export interface IngestOptions extends CallOptions {
  /** For progress and messages. */
  readonly item: string
  /** Where the content is known beforehand; anything else is refused with DAMAGED and leaves no trace. */
  readonly expected?: { readonly digest?: Digest; readonly size?: number }
}

/** Immutable content addressed by digest. A blob is visible only once it is complete, verified and durable. */
export interface BlobStore {
  /** Undefined when absent or known to be damaged. Never reads the content. */
  stat(digest: Digest): Promise<BlobInfo | undefined>
  /** Not verified. Opening throws NOT_FOUND when the blob is missing. */
  content(blob: BlobInfo): Content
  path(digest: Digest): string
  /** Stores what `chunks` yields and leases it for the session; `existed` when the same bytes were there already. */
  ingest(
    session: Session,
    chunks: AsyncIterable<Uint8Array>,
    options: IngestOptions,
  ): Promise<BlobInfo & { readonly existed: boolean }>
  list(): Promise<readonly BlobInfo[]>
  remove(digest: Digest): Promise<void>
  /** In constant time where nothing has written to the blob since it was verified, else by reading it. Throws DAMAGED, NOT_FOUND. */
  ensureIntact(blob: BlobInfo): Promise<void>
  /** Reads and hashes the blob, and remembers the outcome. */
  rehash(blob: BlobInfo, options?: CallOptions): Promise<'intact' | 'damaged' | 'missing'>
  /** Remembers that the blob's bytes are wrong, so that storing it again replaces it. */
  markDamaged(digest: Digest): Promise<void>
}

/**
 * Every verified blob has this modification time. Ordinary writing changes it, which shows, in constant time and
 * without a record elsewhere, that the blob must be hashed before it is trusted again.
 */
const VERIFIED_TIME = new Date(0)

export function createBlobStore(layout: StoreLayout): BlobStore {
  const pathOf = (digest: Digest): string => blobPath(layout, digest)
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
    try {
      for await (const chunk of verified(fileContent(path, found.size).open(), blob)) {
        throwIfAborted(options.signal)
        options.onProgress?.({ kind: 'bytes', step: 'verify', item: blob.digest, count: chunk.length })
      }
    } catch (error) {
      if (!(error instanceof BallastError) || error.code !== 'DAMAGED') throw error
      await markDamaged(blob.digest)
      return 'damaged'
    }
    await rm(damagedMark(blob.digest), { force: true }).catch(ignoreReadOnly)
    await stampVerified(path).catch(ignoreReadOnly)
    return 'intact'
  }

  async function markDamaged(digest: Digest): Promise<void> {
    await makeDirectory(layout.damaged).catch(ignoreReadOnly)
    await writeFile(damagedMark(digest), '').catch(ignoreReadOnly)
  }

  async function ensureIntact(blob: BlobInfo): Promise<void> {
    const info = await statOrUndefined(pathOf(blob.digest))
    if (info === undefined) throw missingBlob(blob.digest)
    const known = await statOrUndefined(damagedMark(blob.digest))
    const untouched = info.size === blob.size && info.mtimeMs === VERIFIED_TIME.getTime()
    if (known === undefined && untouched) return
    const found = known === undefined ? await rehash(blob) : 'damaged'
    if (found === 'missing') throw missingBlob(blob.digest)
    if (found === 'damaged') throw damagedBlob(blob.digest)
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
      await rm(temporary)
      // Whoever renamed it there may not have come to this yet.
      await syncDirectory(layout.blobs)
      return true
    }
    await rename(temporary, pathOf(blob.digest))
    await syncDirectory(layout.blobs)
    await rm(damagedMark(blob.digest), { force: true })
    return false
  }

  return {
    stat: statBlob,
    path: pathOf,
    rehash,
    markDamaged,
    ensureIntact,
    content: (blob) => ({
      size: blob.size,
      async *open(range) {
        try {
          yield* fileContent(pathOf(blob.digest), blob.size).open(range)
        } catch (error) {
          throw isSystemError(error, 'ENOENT') ? missingBlob(blob.digest) : error
        }
      },
    }),
    async ingest(session, chunks, options) {
      const temporary = join(session.directory, `blob-${process.hrtime.bigint()}`)
      try {
        const blob = await writeBlob(temporary, chunks, options)
        const existed = await publish(session, temporary, blob)
        options.onProgress?.({ kind: 'done', step: 'add', item: options.item, digest: blob.digest })
        return { ...blob, existed }
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
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

export function missingBlob(digest: Digest): BallastError {
  return new BallastError('NOT_FOUND', `the store has no blob ${digest}`)
}

export function damagedBlob(digest: Digest): BallastError {
  return new BallastError(
    'DAMAGED',
    `the stored blob ${digest} is damaged: its bytes no longer match its digest`,
  )
}

/** Hashing runs while the operating system writes the same chunk, so a copy costs the slower of the two. */
async function writeBlob(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { expected = {}, item, signal, onProgress }: IngestOptions,
): Promise<BlobInfo> {
  throwIfAborted(signal)
  const handle = await open(path, 'wx', 0o444)
  try {
    const hasher = createHasher()
    let size = 0
    for await (const chunk of chunks) {
      throwIfAborted(signal)
      const written = writeFully(handle, chunk)
      hasher.update(chunk)
      await written
      size += chunk.length
      onProgress?.({ kind: 'bytes', step: 'add', item, count: chunk.length })
    }
    const digest = hasher.digest()
    if (expected.size !== undefined && expected.size !== size) {
      throw new BallastError('DAMAGED', `${item}: ${expected.size} bytes expected, ${size} found`)
    }
    if (expected.digest !== undefined && expected.digest !== digest) {
      throw new BallastError(
        'DAMAGED',
        `${item}: digest ${expected.digest} expected, the bytes have ${digest}`,
      )
    }
    await handle.chmod(0o444)
    await handle.utimes(VERIFIED_TIME, VERIFIED_TIME)
    await handle.sync()
    return { digest, size }
  } finally {
    await handle.close()
  }
}

async function stampVerified(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    if ((await handle.stat()).mtimeMs === VERIFIED_TIME.getTime()) return
    await handle.utimes(VERIFIED_TIME, VERIFIED_TIME)
    await chmod(path, 0o444)
  } finally {
    await handle.close()
  }
}

async function statOrUndefined(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** What is only remembered for next time may be lost on a store that this user cannot write to. */
function ignoreReadOnly(error: unknown): void {
  if (!isSystemError(error, 'EROFS', 'EACCES', 'EPERM', 'ENOENT')) throw error
}
