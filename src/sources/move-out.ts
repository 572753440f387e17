import { link, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BallastError, isSystemError } from '../core/index.ts'
import { fileStateOf } from './file-state.ts'
import type { SourceFile } from './local-files.ts'

/** Throws REFUSED for files that were found through symbolic links: moved, they would leave the links behind. */
export function refuseLinked(files: readonly SourceFile[]): void {
  const linked = files.find(({ isLinked }) => isLinked)
  if (linked === undefined) return
  throw new BallastError('REFUSED', `${linked.path} was found through a symbolic link, and cannot be moved`, {
    hint: 'name the directory that holds the files themselves, or leave --move out',
  })
}

/**
 * Gives the file a second name, so that no byte is copied and none is lost should the move not be finished. False where
 * that is not possible, or where the file has other names already, through which it could be written to later.
 */
export async function linkOut({ place, state }: SourceFile, path: string): Promise<boolean> {
  if (state.links > 1n) return false
  try {
    await link(place, path)
    return true
  } catch (error) {
    if (isSystemError(error, 'EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP')) return false
    throw error
  }
}

/**
 * Removes what has been stored, and the directories below the sources that this empties. A file that is no longer the one that was
 * stored stays; returns the paths of those.
 */
export async function removeMoved(files: readonly SourceFile[]): Promise<readonly string[]> {
  const stayed: string[] = []
  const directories = new Set<string>()
  for (const { path, place, state } of files) {
    const found = await fileStateOf(place).catch(() => undefined)
    const isSame = found?.device === state.device && found.inode === state.inode && found.size === state.size
    // A file that became a blob has got the time of one; a copied one still has its own.
    const isUnchanged = isSame && (found.changedNs === state.changedNs || found.changedNs === 0n)
    if (!isUnchanged) {
      stayed.push(path)
      continue
    }
    await rm(place)
    // Found without links, the file stands below its source at its very path.
    for (let depth = path.split('/').length, at = dirname(place); depth > 1; depth--, at = dirname(at))
      directories.add(at)
  }
  for (const directory of [...directories].sort((a, b) => b.length - a.length)) await removeEmpty(directory)
  return stayed
}

async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'EACCES', 'EPERM')) return
    throw error
  }
}
