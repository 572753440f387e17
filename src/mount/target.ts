import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, explainSystemError, isSystemError } from '../core/index.ts'
import { OWN_DIRECTORY } from '../model/index.ts'
import { GENERATIONS, STATE } from './names.ts'
import { type DeliveredTree, readTree } from './tree.ts'

/** What stands at a target before a mount. */
export type TargetState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty'; readonly mode: number }
  | { readonly kind: 'pinned'; readonly tree: DeliveredTree }
  | { readonly kind: 'following' }
  /** Files that Ballast did not put there. */
  | { readonly kind: 'foreign'; readonly mode: number }

/** Throws REFUSED when the path is no directory, DISK when it cannot be looked at. */
export async function inspectTarget(target: string): Promise<TargetState> {
  try {
    const info = await lstat(target)
    if (info.isSymbolicLink()) throw notDirectory(target, 'a symbolic link')
    if (!info.isDirectory()) throw notDirectory(target, 'a file')
    // The root of a file system of its own, as volumes have it, is as good as empty.
    const names = (await readdir(target)).filter((name) => name !== 'lost+found')
    const mode = info.mode & 0o7777
    if (names.length === 0) return { kind: 'empty', mode }
    if (names.includes(OWN_DIRECTORY)) {
      // Either is enough: the state may have been lost, or not been written yet when the first mount was killed.
      if ((await exists(join(target, STATE))) || (await exists(join(target, GENERATIONS))))
        return { kind: 'following' }
      const tree = await readTree(target)
      if (tree !== undefined) return { kind: 'pinned', tree }
      // What a first mount that was killed leaves: nothing but Ballast's own directory.
      if (names.length === 1) return { kind: 'following' }
    }
    return { kind: 'foreign', mode }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { kind: 'absent' }
    throw explainSystemError(error)
  }
}

function notDirectory(target: string, what: string): BallastError {
  return new BallastError('REFUSED', `${target} is ${what}, and a mount needs a directory`, {
    hint: 'name a directory; it is made when it does not exist',
  })
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (isSystemError(error, 'ENOENT')) return false
      throw error
    },
  )
}
