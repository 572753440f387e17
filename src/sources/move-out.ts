import { link, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BallastError, isSystemError, systemCode } from '../core/index.ts'
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

/** A file that is still where it was found. `why` is a part of a sentence. */
export interface Stayed {
  readonly path: string
  readonly why: string
}

/**
 * Removes what has been stored, and the directories below the sources that this empties. A file that is no longer the
 * one that was stored stays, and so does one that cannot be removed: the version is in the store all the same.
 */
export async function removeMoved(files: readonly SourceFile[]): Promise<readonly Stayed[]> {
  const stayed: Stayed[] = []
  const directories = new Set<string>()
  for (const file of files) {
    const why = await removeUnchanged(file)
    if (why !== undefined) {
      stayed.push({ path: file.path, why })
      continue
    }
    // Found without links, the file stands below its source at its very path.
    let at = dirname(file.place)
    for (let depth = file.path.split('/').length; depth > 1; depth--, at = dirname(at)) directories.add(at)
  }
  for (const directory of [...directories].sort((a, b) => b.length - a.length)) await removeEmpty(directory)
  return stayed
}

/** Undefined once it is gone, else why it stays. */
async function removeUnchanged({ place, state }: SourceFile): Promise<string | undefined> {
  try {
    const found = await fileStateOf(place)
    const isSame = found.device === state.device && found.inode === state.inode && found.size === state.size
    // A file that became a blob has got the time of one; a copied one still has its own.
    const isUnchanged = isSame && (found.changedNs === state.changedNs || found.changedNs === 0n)
    if (!isUnchanged) return 'it was changed after it was stored'
    await rm(place)
    return undefined
  } catch (error) {
    // Two of the sources were one, or somebody else was faster.
    if (isSystemError(error, 'ENOENT')) return undefined
    const code = systemCode(error)
    if (code === undefined) throw error
    return `it cannot be removed (${code})`
  }
}

async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory)
  } catch (error) {
    if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'EACCES', 'EPERM')) return
    throw error
  }
}
