import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { BallastError, isBallastError, isSystemError } from '../core/index.ts'
import { locateEntries } from '../tar/index.ts'
import { openArchiveFile } from './archive-file.ts'

/**
 * Where an archive that is to be called `path` is written: behind the link, if it is one. Throws REFUSED where it would
 * take the place of anything but a tar file, NOT_FOUND for a directory that is not there.
 */
export async function archivePlace(path: string): Promise<string> {
  if (/\.(?:t?gz|t?zst|t?bz2?|t?xz)$/i.test(path)) {
    throw new BallastError(
      'REFUSED',
      `${path} is named like a compressed file, and archives are written without`,
      {
        hint: 'name it .tar; compress it afterwards, if it must be',
      },
    )
  }
  const found = await stat(path).catch(ignoreAbsent)
  if (found !== undefined) {
    if (found.size > 0 || !found.isFile()) await refuseForeign(path)
    return realpath(path)
  }
  if ((await lstat(path).catch(ignoreAbsent)) !== undefined) {
    throw new BallastError('REFUSED', `${path} is a link that leads nowhere`, { hint: 'remove it first' })
  }
  const directory = dirname(resolve(path))
  const isThere = (await stat(directory).catch(ignoreAbsent))?.isDirectory() === true
  if (isThere) return resolve(path)
  throw new BallastError('NOT_FOUND', `there is no directory ${directory} to write ${path} into`, {
    hint: `make it first: mkdir -p ${directory}`,
  })
}

/** A slip of the keyboard must not cost a file that was never an archive. */
async function refuseForeign(path: string): Promise<void> {
  try {
    const { content } = await openArchiveFile(path)
    for await (const _ of locateEntries(content)) return
  } catch (error) {
    if (!isBallastError(error, 'DAMAGED') && !isBallastError(error, 'REFUSED')) throw error
    throw new BallastError('REFUSED', `${path} exists and is not an archive, so it is not replaced`, {
      hint: 'name another file, or remove this one first',
      cause: error,
    })
  }
}

function ignoreAbsent(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
