import { chmod, type FileHandle, open } from 'node:fs/promises'
import {
  BallastError,
  type ByteSource,
  type CallOptions,
  copyHashed,
  type Digest,
  fileSource,
  type HashedCopy,
  type HashedCopyOptions,
  hashOf,
  named,
  sourceOf,
} from '../core/index.ts'

export interface BlobInfo {
  readonly digest: Digest
  readonly size: number
}

export interface IngestOptions extends CallOptions {
  /** For progress and messages. */
  readonly item: string
  /** Is given the first bytes, which tell what the content is. */
  readonly onHead?: (head: Uint8Array) => void
  /** Where the content is known beforehand; anything else is refused with DAMAGED and leaves no trace. */
  readonly expected?: { readonly digest?: Digest; readonly size?: number }
}

export interface PlacedOptions extends IngestOptions {
  /** Digest and size of a file that only this process has written, which then is not read. */
  readonly hashed?: HashedCopy | undefined
}

/**
 * Every verified blob has this modification time. Ordinary writing changes it, which shows, in constant time and
 * without a record elsewhere, that the blob must be hashed before it is trusted again.
 */
export const VERIFIED_TIME = new Date(0)
const BLOB_MODE = 0o444

/** Makes the file of a blob, whole and durable. Throws DAMAGED for other bytes than were expected. */
export async function writeBlob(
  path: string,
  content: AsyncIterable<Uint8Array> | ByteSource,
  options: IngestOptions,
): Promise<BlobInfo> {
  const handle = await open(path, 'wx', BLOB_MODE)
  // A stream of Node.js has a `read` too, which is another one.
  const iterator = Symbol.asyncIterator in content ? content[Symbol.asyncIterator]() : undefined
  const source = iterator === undefined ? (content as ByteSource) : sourceOf(iterator)
  try {
    return await named(path, async () => {
      const copied = await copyHashed(watched(source, options), handle, hashing(options))
      return seal(handle, checked(copied, options))
    })
  } finally {
    try {
      await iterator?.return?.()
    } finally {
      await handle.close()
    }
  }
}

/** A file that is there already: its bytes are read for the digest alone. Throws REFUSED when it changes meanwhile. */
export async function stampPlaced(path: string, options: PlacedOptions): Promise<BlobInfo> {
  const handle = await open(path, 'r')
  try {
    return await named(path, async () => {
      const before = await handle.stat({ bigint: true })
      const hashed = options.hashed ?? (await hashOf(watched(fileSource(handle), options), hashing(options)))
      const after = await handle.stat({ bigint: true })
      // Who has the file open under its other name may write to it, and the stamp would hide that.
      if (before.size !== after.size || before.mtimeNs !== after.mtimeNs) throw changing(options.item)
      await makeOurs(handle, after.uid)
      return seal(handle, checked(hashed, options))
    })
  } finally {
    await handle.close()
  }
}

function changing(item: string): BallastError {
  return new BallastError('REFUSED', `${item} changed while it was read`, {
    hint: 'wait until it is written completely, then run the command again',
    retryable: true,
  })
}

/** A blob's owner can make it writable. What root takes over from another user is that user's no more. */
async function makeOurs(handle: FileHandle, owner: bigint): Promise<void> {
  const self = process.geteuid?.()
  if (self !== undefined && owner !== BigInt(self)) await handle.chown(self, -1)
}

function hashing({ item, signal, onProgress }: IngestOptions): HashedCopyOptions {
  return { signal, onBytes: (count) => onProgress?.({ kind: 'bytes', step: 'add', item, count }) }
}

function watched(source: ByteSource, { onHead }: IngestOptions): ByteSource {
  let isFirst = true
  return {
    ...(source.ready && { ready: source.ready }),
    async read(into) {
      const length = await source.read(into)
      if (isFirst) onHead?.(into.subarray(0, length))
      isFirst = false
      return length
    },
  }
}

/** Throws DAMAGED for anything but what was expected. */
function checked(found: BlobInfo, { item, expected = {} }: IngestOptions): BlobInfo {
  const { digest, size } = found
  if (expected.size !== undefined && expected.size !== size) {
    throw new BallastError('DAMAGED', `${item}: ${expected.size} bytes expected, ${size} found`)
  }
  if (expected.digest !== undefined && expected.digest !== digest) {
    throw new BallastError('DAMAGED', `${item}: digest ${expected.digest} expected, the bytes have ${digest}`)
  }
  return found
}

/** What makes a file a verified blob; on the disk when it returns. */
export async function seal(handle: FileHandle, blob: BlobInfo): Promise<BlobInfo> {
  await handle.chmod(BLOB_MODE)
  await handle.utimes(VERIFIED_TIME, VERIFIED_TIME)
  await handle.sync()
  return blob
}

/** For bytes that have just been read and found right. */
export async function stampVerified(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    if ((await handle.stat()).mtimeMs === VERIFIED_TIME.getTime()) return
    await handle.utimes(VERIFIED_TIME, VERIFIED_TIME)
    await chmod(path, BLOB_MODE)
  } finally {
    await handle.close()
  }
}
