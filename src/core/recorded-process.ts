import { lstat, utimes } from 'node:fs/promises'
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

const HEARTBEAT_MS = 10_000

/** Gives signs of life for whoever cannot look at this process, until the function that is returned is called. */
export function keepAlive(path: string): () => void {
  const heartbeat = setInterval(() => void touch(path), HEARTBEAT_MS)
  heartbeat.unref()
  return () => clearInterval(heartbeat)
}

/** By the clock: whether nobody has touched the path for so long; true also of one that is gone. */
export async function isSilent(path: string, forMs: number): Promise<boolean> {
  const sign = await signOf(path)
  // A time that is yet to come was stamped by a clock that has been set since, and says as little as an old one.
  return sign === undefined || Math.abs(Date.now() - sign) > forMs
}

/** How long a process must have been silent by the clock, and then under watch, to be taken for gone. */
export interface Patience {
  readonly silenceMs: number
  readonly watchMs: number
}

/** Two signs of life may get lost on the way. */
export const PATIENCE: Patience = { silenceMs: 120_000, watchMs: 2.5 * HEARTBEAT_MS }

interface Watch {
  readonly sign: number
  /** By a clock that nobody sets. */
  readonly since: number
  /** Whether the sign came while it was watched: whatever its clock says, it lives. */
  readonly isFresh: boolean
}

const watched = new Map<string, Watch>()

/**
 * Whether a process that cannot be looked at, on another host or in another pid namespace, gives signs of life.
 * `doubtful`: silent by the clock, which may have been set, and not yet watched for long enough; to be asked again.
 */
export async function lifeBySigns(
  path: string,
  { silenceMs, watchMs }: Patience = PATIENCE,
): Promise<'alive' | 'doubtful' | 'gone'> {
  const sign = await signOf(path)
  if (sign === undefined) return 'gone'
  const seen = watched.get(path)
  if (Math.abs(Date.now() - sign) <= silenceMs) {
    watched.delete(path)
    return 'alive'
  }
  if (seen?.sign !== sign) {
    const isFresh = seen !== undefined
    watched.set(path, { sign, since: performance.now(), isFresh })
    return isFresh ? 'alive' : 'doubtful'
  }
  if (performance.now() - seen.since >= watchMs) return 'gone'
  return seen.isFresh ? 'alive' : 'doubtful'
}

async function signOf(path: string): Promise<number | undefined> {
  return (await lstat(path).catch(() => undefined))?.mtimeMs
}

async function touch(path: string): Promise<void> {
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
