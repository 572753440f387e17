import { open, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Content,
  type Digest,
  discard,
  explainSystemError,
  fileContent,
  hexOf,
  isSystemError,
  makeDirectory,
  metered,
  named,
  syncDirectory,
  temporaryName,
  throwIfAborted,
  verified,
  writeFully,
} from '../core/index.ts'
import type { BlobDescriptor } from './image-repository.ts'

/** Where a layout keeps a blob (image-spec, image-layout.md). */
export function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', 'sha256', hexOf(digest))
}

/** In bytes; undefined where there is no such blob. */
export async function blobSize(directory: string, digest: Digest): Promise<number | undefined> {
  try {
    const found = await stat(blobPath(directory, digest))
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** Once opened, throws NOT_FOUND where the blob is missing and DAMAGED where its size on disk is another. */
export function blobContent(directory: string, blob: BlobDescriptor, options: CallOptions = {}): Content {
  const path = blobPath(directory, blob.digest)
  return {
    size: blob.size,
    async *open(range) {
      throwIfAborted(options.signal)
      const size = await blobSize(directory, blob.digest)
      if (size === undefined) {
        throw new BallastError('NOT_FOUND', `blob ${blob.digest} is not in ${directory}`, {
          hint: 'the layout is incomplete: copy the image into it again',
        })
      }
      if (size !== blob.size) {
        throw new BallastError('DAMAGED', `blob ${blob.digest}: ${blob.size} bytes expected, ${size} found`, {
          hint: `delete ${path}, then copy the image into the layout again`,
        })
      }
      try {
        yield* metered(fileContent(path, size).open(range), () => undefined, options.signal)
      } catch (error) {
        throw explainSystemError(error)
      }
    },
  }
}

/** Visible under its digest only when it is whole, verified and on the disk. Progress: step `copy`. */
export async function writeBlob(
  directory: string,
  { blob, content }: { readonly blob: BlobDescriptor; readonly content: Content },
  { signal, onProgress }: CallOptions = {},
): Promise<void> {
  throwIfAborted(signal)
  const item = blob.digest
  if ((await blobSize(directory, blob.digest)) === blob.size) {
    onProgress?.({ kind: 'skip', step: 'copy', item, because: 'exists' })
    return
  }
  onProgress?.({ kind: 'start', step: 'copy', item, total: blob.size })
  const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'copy', item, count: bytes })
  const blobs = join(directory, 'blobs', 'sha256')
  await makeDirectory(blobs)
  // Not among the blobs, where other tools take every name for a digest.
  const temporary = join(directory, temporaryName())
  try {
    await writeSynced(temporary, verified(metered(content.open(), count, signal), blob))
    throwIfAborted(signal)
    await rename(temporary, blobPath(directory, blob.digest))
  } finally {
    await discard(temporary)
  }
  await syncDirectory(blobs)
  onProgress?.({ kind: 'done', step: 'copy', item, digest: blob.digest })
}

async function writeSynced(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(path, 'wx', 0o644)
  try {
    await named(path, async () => {
      for await (const chunk of chunks) await writeFully(handle, chunk)
      await handle.sync()
    })
  } finally {
    await handle.close()
  }
}
