import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BallastError, isSystemError, syncDirectory } from '../core/index.ts'
import { OWN_DIRECTORY, type Version } from '../model/index.ts'
import { changedFiles } from './check.ts'
import { refuseFollowed } from './follower.ts'
import { withTargetLock } from './following.ts'
import { linkedNames, readRoot } from './links.ts'
import { inspectTarget } from './target.ts'

export interface Unmounted {
  /** Entries that Ballast did not put there, or that were changed; they stay. */
  readonly kept: readonly string[]
}

/**
 * Removes what a mount put into the directory, and the directory when nothing else is in it. Throws NOT_FOUND when
 * nothing is mounted, CONFLICT while a process follows a tag there.
 */
export async function unmountTarget(target: string): Promise<Unmounted> {
  const state = await inspectTarget(target)
  if (state.kind === 'following') {
    await refuseFollowed(target)
    await withTargetLock(target, {}, () => removeLinks(target))
  } else if (state.kind === 'pinned') {
    await removeFiles(target, state.tree.version)
  } else if (state.kind !== 'broken') {
    throw nothingMounted(target)
  }
  await rm(join(target, OWN_DIRECTORY), { recursive: true, force: true })
  const kept = await readdir(target)
  if (kept.length === 0) await rmdir(target).catch(ignoreBusy)
  await syncDirectory(dirname(target))
  return { kept }
}

async function removeLinks(target: string): Promise<void> {
  const root = await readRoot(target)
  const links = linkedNames(root)
  for (const [name, to] of root) {
    const [owner = '', file] = to.split('/')
    // A first mount that was killed leaves the file's link without the directory's.
    const isOurs = links.includes(owner) || !root.has(owner)
    if (to === `${owner}/${file}` && file === name && isOurs) await rm(join(target, name))
  }
  for (const link of links) await rm(join(target, link))
}

async function removeFiles(target: string, version: Version): Promise<void> {
  const changed = await changedFiles(target, version)
  const directories = new Set<string>()
  for (const file of version.files) {
    const { path } = file
    if (!changed.includes(file)) await rm(join(target, path))
    for (let at = dirname(path); at !== '.'; at = dirname(at)) directories.add(at)
  }
  for (const directory of [...directories].sort((a, b) => b.length - a.length)) {
    await rmdir(join(target, directory)).catch(ignoreBusy)
  }
}

function ignoreBusy(error: unknown): void {
  if (!isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOENT', 'ENOTDIR')) throw error
}

function nothingMounted(target: string): BallastError {
  return new BallastError('NOT_FOUND', `nothing is mounted at ${target}`, {
    hint: 'Ballast removes only what it has put there itself',
  })
}
