import { type FileHandle, open, stat } from 'node:fs/promises'
import {
  BallastError,
  type CallOptions,
  CHUNK_SIZE,
  type Content,
  explainSystemError,
  isSystemError,
  readAll,
  throwIfAborted,
} from '../core/index.ts'
import { compressionOf } from './decompress.ts'

/** A place in a file, in bytes. */
export interface Extent {
  readonly offset: number
  readonly size: number
}

/** A file that is read in place, and is still the one that was opened: another under the same name is refused. */
export interface ArchiveFile {
  readonly path: string
  /** Equal for two names of the same file. */
  readonly identity: string
  readonly content: Content
  /** Throws CONFLICT once it is opened, if the file has been replaced or written to meanwhile. */
  readonly part: (extent: Extent) => Content
}

const LONGEST_MAGIC = 6

/** Throws NOT_FOUND where there is no file, REFUSED for what is no plain file or is compressed: nothing can be read in place there. */
export async function openArchiveFile(path: string): Promise<ArchiveFile> {
  const found = await stat(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw explainSystemError(error)
    throw new BallastError('NOT_FOUND', `there is no archive ${path}`, {
      hint: 'name the file that docker save, podman save or skopeo has written',
    })
  })
  if (!found.isFile()) {
    const hint = found.isDirectory()
      ? `an OCI image layout is named oci:${path}`
      : 'save the image into a file first'
    throw new BallastError('REFUSED', `${path} is not a file`, { hint })
  }
  const identity = identityOf(found)
  const part = ({ offset, size }: Extent): Content => ({
    size,
    open: (range = { offset: 0, length: size }) =>
      readPart({ path, identity }, { offset: offset + range.offset, length: range.length }),
  })
  const content = part({ offset: 0, size: found.size })
  const head = await readAll(
    content.open({ offset: 0, length: Math.min(LONGEST_MAGIC, found.size) }),
    LONGEST_MAGIC,
  )
  const compression = compressionOf(head)
  if (compression !== undefined) {
    throw new BallastError('REFUSED', `${path} is compressed with ${compression}`, {
      hint: `layers are read from the archive in place, so unpack it first: ${UNPACK[compression]} ${path}`,
    })
  }
  return { path, identity, content, part }
}

const UNPACK = { gzip: 'gunzip --keep', zstd: 'unzstd', bzip2: 'bunzip2 --keep', xz: 'unxz --keep' }

async function* readPart(
  { path, identity }: { readonly path: string; readonly identity: string },
  { offset, length }: { readonly offset: number; readonly length: number },
): AsyncIterable<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, 'r')
    if (identityOf(await handle.stat()) !== identity) {
      throw new BallastError('CONFLICT', `${path} has been replaced or written to while it was read`, {
        hint: 'run the command again once nobody writes to the archive',
      })
    }
    for (let done = 0; done < length; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, length - done))
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset + done)
      if (bytesRead === 0) return
      done += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } catch (error) {
    throw explainSystemError(error)
  } finally {
    await handle?.close()
  }
}

interface Identity {
  readonly dev: number
  readonly ino: number
  readonly size: number
  readonly mtimeMs: number
}

function identityOf({ dev, ino, size, mtimeMs }: Identity): string {
  return `${dev}:${ino}:${size}:${mtimeMs}`
}

/** A call to a repository: not begun once it is aborted, and failures of the disk are said in words. */
export async function explained<T>({ signal }: CallOptions, work: () => Promise<T>): Promise<T> {
  throwIfAborted(signal)
  try {
    return await work()
  } catch (error) {
    throw explainSystemError(error)
  }
}
