import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  digestOfHex,
  discard,
  hexOf,
  isBallastError,
  isSystemError,
  listIfPresent,
  makeShared,
  type Patience,
  temporaryName,
  withLock,
} from '../core/index.ts'
import type { StoreLayout } from './layout.ts'

/**
 * Places for what arrives in pieces, so that it can be taken up again after a kill or a reboot. Each belongs to one
 * content, by a key that tells it from all others, and to one holder at a time.
 */
export interface Partials {
  /** Gives `work` the place once nobody else has it. What is in it stays afterwards, unless it was given up. */
  hold<T>(
    { key, signal }: { readonly key: Digest; readonly signal?: AbortSignal | undefined },
    work: (place: Place) => Promise<T>,
  ): Promise<T>
}

export interface Place {
  /** Empty at first, but for what begins with `lock`. */
  readonly directory: string
  /** Of what is made in it, whatever the umask, where several users share the store. */
  readonly fileMode: number | undefined
  /** Nothing in it is needed any more: it is removed when `work` ends. */
  giveUp(): void
}

const LOCK = 'lock'

export function createPartials(layout: StoreLayout): Partials {
  return {
    async hold({ key, signal }, work) {
      const directory = join(layout.partials, hexOf(key))
      const lock = { timeoutMs: Number.POSITIVE_INFINITY, signal, sharing: layout.sharing }
      for (;;) {
        let isHeld = false
        try {
          return await withLock(join(directory, LOCK), lock, () => {
            isHeld = true
            return useOnce(layout, directory, work)
          })
        } catch (error) {
          // Its former holder needed it no more, and has removed it under whoever waited.
          if (isHeld || !isSystemError(error, 'ENOENT')) throw error
        }
      }
    },
  }
}

async function useOnce<T>(
  layout: StoreLayout,
  directory: string,
  work: (place: Place) => Promise<T>,
): Promise<T> {
  let isNeeded = true
  try {
    return await work({
      directory,
      fileMode: layout.sharing?.fileMode,
      giveUp: () => {
        isNeeded = false
      },
    })
  } finally {
    if (!isNeeded) await removePlace(layout, directory)
  }
}

/** By a rename first: whoever waits for the lock in it must not find half of it. Only for who holds the lock. */
async function removePlace(layout: StoreLayout, directory: string): Promise<void> {
  await makeShared(layout.sessions, layout.sharing)
  const gone = join(layout.sessions, temporaryName())
  await rename(directory, gone)
  await discard(gone)
}

export interface PartialInfo {
  readonly key: Digest
  /** That it takes on the disk, in bytes. */
  readonly bytes: number
}

/** Those that nobody has written to for so long, in milliseconds. */
export async function findPartials(
  layout: StoreLayout,
  untouchedMs: number,
): Promise<readonly PartialInfo[]> {
  const found: PartialInfo[] = []
  for (const name of await listIfPresent(layout.partials)) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue
    const { bytes, touched } = await lookInto(join(layout.partials, name))
    if (touched <= Date.now() - untouchedMs) found.push({ key: digestOfHex(name), bytes })
  }
  return found
}

/** Removes them but for those that somebody holds; which are gone. */
export async function removePartials(
  layout: StoreLayout,
  partials: readonly PartialInfo[],
  patience: Patience | undefined,
): Promise<readonly PartialInfo[]> {
  const removed: PartialInfo[] = []
  for (const partial of partials) {
    const directory = join(layout.partials, hexOf(partial.key))
    const lock = { timeoutMs: 0, sharing: layout.sharing, patience }
    try {
      await withLock(join(directory, LOCK), lock, () => removePlace(layout, directory))
      removed.push(partial)
    } catch (error) {
      if (!isBallastError(error, 'LOCKED') && !isSystemError(error, 'ENOENT')) throw error
    }
  }
  return removed
}

async function lookInto(directory: string): Promise<{ readonly bytes: number; readonly touched: number }> {
  let bytes = 0
  let touched = 0
  for (const name of ['.', ...(await listIfPresent(directory))]) {
    const info = await stat(join(directory, name)).catch((error: unknown) => {
      if (!isSystemError(error, 'ENOENT')) throw error
    })
    if (info === undefined) continue
    touched = Math.max(touched, info.mtimeMs)
    if (info.isFile()) bytes += info.blocks * 512
  }
  return { bytes, touched }
}
