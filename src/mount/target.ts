import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, explainSystemError, isBallastError, isPresent, isSystemError } from '../core/index.ts'
import { OWN_DIRECTORY } from '../model/index.ts'
import { FOLLOWERS, GENERATIONS, LOCK, REPOSITORY, STATE, VARIANTS, VIEWS } from './names.ts'
import { type DeliveredTree, readTree } from './tree.ts'

/** What stands at a target before a mount. */
export type TargetState =
  | { readonly kind: 'absent' }
  /** `isRoot`: of a file system of its own, told by its `lost+found`. */
  | { readonly kind: 'empty'; readonly mode: number; readonly isRoot: boolean }
  | { readonly kind: 'pinned'; readonly tree: DeliveredTree }
  /** A pinned mount whose own files are gone or wrong, so that nobody can say any more which version it was. */
  | { readonly kind: 'broken'; readonly reason: BallastError }
  | { readonly kind: 'following' }
  /** Files that Ballast did not put there. */
  | { readonly kind: 'foreign' }

/** Throws REFUSED when the path is no directory, DISK when it cannot be looked at. */
export async function inspectTarget(target: string): Promise<TargetState> {
  try {
    const info = await lstat(target)
    if (info.isSymbolicLink()) throw notDirectory(target, 'a symbolic link')
    if (!info.isDirectory()) throw notDirectory(target, 'a file')
    // The root of a file system of its own, as volumes have it, is as good as empty.
    const all = await readdir(target)
    const names = all.filter((name) => name !== 'lost+found')
    if (names.length === 0) return { kind: 'empty', mode: info.mode & 0o7777, isRoot: all.length > 0 }
    if (names.includes(OWN_DIRECTORY)) {
      await refuseLinks(target)
      // Either is enough: the state may have been lost, or not been written yet when the first mount was killed.
      if ((await isPresent(join(target, STATE))) || (await isPresent(join(target, GENERATIONS))))
        return { kind: 'following' }
      const tree = await readTree(target).catch((error: unknown) => {
        if (isBallastError(error, 'DAMAGED')) return error
        throw error
      })
      if (tree instanceof BallastError) return { kind: 'broken', reason: tree }
      if (tree !== undefined) return { kind: 'pinned', tree }
      // What a first mount that was killed leaves: nothing but Ballast's own directory.
      if (names.length === 1) return { kind: 'following' }
    }
    return { kind: 'foreign' }
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { kind: 'absent' }
    throw explainSystemError(error)
  }
}

/**
 * A container that may write to the target may put a link where Ballast has a directory; what is then written or
 * removed through it would be somewhere else on the host.
 */
export async function refuseLinks(
  target: string,
  paths: readonly string[] = [OWN_DIRECTORY, GENERATIONS, VIEWS, REPOSITORY, LOCK, FOLLOWERS, VARIANTS],
): Promise<void> {
  for (const path of paths) {
    const info = await lstat(join(target, path)).catch(() => undefined)
    if (info === undefined || info.isDirectory()) continue
    throw new BallastError(
      'REFUSED',
      `${join(target, path)} is not a directory: somebody has put something else there`,
      {
        hint: 'look who may write to the target; then remove that entry and mount again',
      },
    )
  }
}

function notDirectory(target: string, what: string): BallastError {
  return new BallastError('REFUSED', `${target} is ${what}, and a mount needs a directory`, {
    hint: 'name a directory; it is made when it does not exist',
  })
}
