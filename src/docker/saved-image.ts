import { mkdir, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Digest,
  explainSystemError,
  isSystemError,
  metered,
  named,
  removeAbandonedFiles,
  shortDigest,
  temporaryName,
  writeFully,
} from '../core/index.ts'
import { type ArchiveRepository, openArchive } from '../oci/index.ts'
import type { Engine } from './engine.ts'
import { saveImage } from './images.ts'

/** An image that an Engine has saved into a temporary file, to be read in any order. */
export interface SavedImage {
  readonly archive: ArchiveRepository
  /** Removes the file. */
  remove(): Promise<void>
}

/**
 * All of the image is transferred: an Engine gives nothing less. The file is this user's alone, and one that a killed
 * process left goes with the next save. Throws NOT_FOUND, DISK, REMOTE.
 */
export async function openSavedImage(
  engine: Engine,
  id: Digest,
  options: CallOptions = {},
): Promise<SavedImage> {
  const directory = join(tmpdir(), temporaryName())
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    await removeAbandonedFiles(tmpdir())
    await mkdir(directory, { mode: 0o700 })
    const path = join(directory, 'image.tar')
    await writeSaved(path, { engine, id }, options)
    return { archive: await openArchive(path, options), remove }
  } catch (error) {
    await remove()
    if (!isSystemError(error, 'ENOSPC', 'EDQUOT')) throw explainSystemError(error)
    throw new BallastError('DISK', `no room in ${tmpdir()} for what the Engine saves of ${shortDigest(id)}`, {
      cause: error,
      hint: 'name a directory with room for the whole image: TMPDIR=/var/tmp ballast …',
    })
  }
}

async function writeSaved(
  path: string,
  { engine, id }: { readonly engine: Engine; readonly id: Digest },
  { signal, onProgress }: CallOptions,
): Promise<void> {
  const item = `image ${shortDigest(id)} of the Engine`
  const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'download', item, count: bytes })
  const handle = await open(path, 'wx', 0o600)
  try {
    for await (const chunk of metered(saveImage(engine, id, { signal }), count, signal))
      await named(path, () => writeFully(handle, chunk))
    onProgress?.({ kind: 'done', step: 'download', item })
  } finally {
    await handle.close()
  }
}
