import { stat, utimes } from 'node:fs/promises'
import { readIfPresent } from './optional-file.ts'
import { lifeOf, parseIdentity } from './process-identity.ts'

/**
 * Whether the process that a file names still runs. `unnamed` for a file that is absent or names none: one that is
 * still being written, or was cut short.
 */
export async function recordedLife(path: string): Promise<ReturnType<typeof lifeOf> | 'unnamed'> {
  const text = (await readIfPresent(path))?.toString('utf8') ?? ''
  const identity = parseIdentity(parseOrUndefined(text))
  return identity === undefined ? 'unnamed' : lifeOf(identity)
}

/** Whether nobody has touched the path for so long; true also of one that is gone. */
export async function isSilent(path: string, forMs: number): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info === undefined || Date.now() - info.mtimeMs > forMs
}

/** The sign of life of a process that others may not be able to look at. */
export async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => undefined)
}

function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
