import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { isSystemError } from './errors.ts'

/**
 * For many small files of a local file system: a promise a call costs ten times as much as the call. Whoever makes more than a few of
 * them gives way in between.
 */

/** Undefined for a file that is not there. Throws for a directory. */
export function readNow(path: string): Buffer | undefined {
  return unlessAbsent(() => readFileSync(path))
}

/** The same for text, which costs half as much. Bytes that are no UTF-8 are replaced, so this is not for what is hashed byte for byte. */
export function readTextNow(path: string): string | undefined {
  return unlessAbsent(() => readFileSync(path, 'utf8'))
}

/** The names in a directory; none for one that is not there, or is a file. */
export function listNow(path: string): readonly string[] {
  return unlessAbsent(() => readdirSync(path)) ?? []
}

/** Reads files in turn, and gives way in between. */
export async function readEach(
  paths: readonly string[],
  each: (bytes: Buffer, at: number) => void,
): Promise<void> {
  const pause = createPauses()
  for (const [at, path] of paths.entries()) {
    each(readFileSync(path), at)
    await pause()
  }
}

const SLICE_MS = 10

/** To be awaited between small pieces of work: lets others have their turn every few milliseconds. */
export function createPauses(): () => Promise<void> | undefined {
  let until = performance.now() + SLICE_MS
  return () => {
    if (performance.now() < until) return undefined
    return turn().then(() => {
      until = performance.now() + SLICE_MS
    })
  }
}

function unlessAbsent<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
