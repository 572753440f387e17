import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BallastError, type CallOptions, isSystemError, syncDirectory } from '../core/index.ts'
import type { HelperStep, VolumeHelper } from '../docker/index.ts'
import { OWN_DIRECTORY, type Version } from '../model/index.ts'
import { changedFiles } from './check.ts'
import { refuseFollowed } from './follower.ts'
import { withTargetLock } from './following.ts'
import { ownLinks, readRoot } from './links.ts'
import { HELPER_LOCK } from './names.ts'
import { inspectTarget } from './target.ts'
import { lookIntoVolume } from './volume-view.ts'

export interface Unmounted {
  /** Entries that Ballast did not put there, or that were changed; they stay. */
  readonly kept: readonly string[]
}

/**
 * Removes what a mount put into the directory, and the directory when nothing else is in it; that of a volume stays, because
 * it is the Engine's. Throws NOT_FOUND when nothing is mounted, CONFLICT while a process follows a tag there.
 */
export async function unmountTarget(
  target: string,
  { volume }: { readonly volume?: string } = {},
): Promise<Unmounted> {
  const state = await inspectTarget(target)
  if (state.kind === 'following') {
    await refuseFollowed(target)
    await withTargetLock(target, {}, () => removeLinks(target))
  } else if (state.kind === 'pinned') {
    await removeFiles(target, state.tree.version)
  } else if (state.kind !== 'broken') {
    throw nothingMounted(volume === undefined ? target : `volume:${volume}`)
  }
  await rm(join(target, OWN_DIRECTORY), { recursive: true, force: true })
  const kept = await readdir(target)
  if (volume !== undefined) {
    await syncDirectory(target)
    return { kept: kept.filter((name) => name !== 'lost+found') }
  }
  if (kept.length === 0) await rmdir(target).catch(ignoreBusy)
  await syncDirectory(dirname(target))
  return { kept }
}

/** The same in a volume that only containers get at. Throws NOT_FOUND, and CONFLICT where it is changed meanwhile. */
export async function unmountByHelper(
  helper: VolumeHelper,
  volume: string,
  options: CallOptions = {},
): Promise<Unmounted> {
  const target = `volume:${volume}`
  const { kind, root } = await lookIntoVolume(helper, target, options)
  if (kind !== 'following') throw nothingMounted(target)
  const links = ownLinks(root).map((link) => [link, root.get(link) ?? ''] as const)
  await helper.run(
    [
      ['lock', HELPER_LOCK],
      ['directory?', OWN_DIRECTORY],
      ...links.map(([link, to]): HelperStep => ['link?', link, to]),
      ...links.map(([link, to]): HelperStep => ['unlink', link, to]),
      ['sync'],
      ['remove', OWN_DIRECTORY],
      ['sync'],
    ],
    options,
  )
  const gone = ['lost+found', OWN_DIRECTORY, ...links.map(([link]) => link)]
  return { kept: [...root.keys()].filter((name) => !gone.includes(name)) }
}

async function removeLinks(target: string): Promise<void> {
  for (const link of ownLinks(await readRoot(target))) await rm(join(target, link))
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
