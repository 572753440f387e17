import { chmod, mkdir, open, rename, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { temporaryName } from './abandoned.ts'
import { isSystemError, named } from './errors.ts'
import { isPresent } from './optional-file.ts'

/** Makes a rename or link in the directory survive a loss of power. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await named(path, () => handle.sync())
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'EISDIR')) throw error
  } finally {
    await handle.close()
  }
}

/**
 * Like `mkdir -p`, and durable: every directory that had to be made is synced into its parent. With `mode` each of
 * them has exactly that, whatever the umask.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  const made = await makeMissing(path)
  if (made === undefined) return
  const top = dirname(resolve(made))
  for (let at = resolve(path); at !== top; at = dirname(at)) {
    if (mode !== undefined) await chmod(at, mode)
    await syncDirectory(dirname(at))
  }
}

/** The topmost directory that had to be made. */
async function makeMissing(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true })
  } catch (error) {
    // What node says when it may not make one on the way (EROFS); asked for that one alone, the system says why.
    if (!isSystemError(error, 'ENOENT')) throw error
    let at = resolve(path)
    while (at !== dirname(at) && !(await isPresent(dirname(at)))) at = dirname(at)
    await mkdir(at)
    await mkdir(path, { recursive: true })
    return at
  }
}

/** How what several users work on is made, whatever the umask of the one who makes it. */
export interface Sharing {
  readonly directoryMode: number
  readonly fileMode: number
  /** On the same file system; exists. What a killed process leaves in it bears a `temporaryName`. */
  readonly temporaryDirectory: string
}

/**
 * `makeDirectory` for several users: each directory appears with its mode, by one rename. One that had it a moment
 * later would, after a kill in between, shut out everybody but its owner.
 */
export async function makeShared(path: string, sharing: Sharing | undefined): Promise<void> {
  if (sharing === undefined) return makeDirectory(path)
  if (await isPresent(path)) return
  await makeShared(dirname(path), sharing)
  const temporary = join(sharing.temporaryDirectory, temporaryName())
  await mkdir(temporary)
  try {
    await chmod(temporary, sharing.directoryMode)
    await rename(temporary, path)
  } catch (error) {
    await rmdir(temporary).catch(() => undefined)
    // Somebody else was first, and has put something into it.
    if (!isSystemError(error, 'EEXIST', 'ENOTEMPTY')) throw error
  }
  await syncDirectory(dirname(path))
}

/** `syncDirectory` for many at once: those who ask while one sync runs share the next. */
export function createSharedSync(path: string): () => Promise<void> {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<void> | undefined
  return () => {
    next ??= running.then(() => {
      next = undefined
      const sync = syncDirectory(path)
      running = sync.catch(() => undefined)
      return sync
    })
    return next
  }
}
