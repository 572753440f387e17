import { link, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeAbandonedFiles, temporaryName } from './abandoned.ts'
import { makeDirectory } from './directories.ts'
import { BallastError, isSystemError, throwIfAborted } from './errors.ts'
import { isPresent, listIfPresent } from './optional-file.ts'
import { ownIdentity } from './process-identity.ts'
import { isSilent, recordedLife, touch } from './recorded-process.ts'

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds; 0 gives up at once. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

const HEARTBEAT_MS = 10_000
/** A holder that cannot be looked at (another host or container) counts as gone after this silence. */
const SILENCE_MS = 120_000
const POLL_MS = 15

/**
 * A lock that a killed holder cannot leave behind. A claim is a file with the next number, made with link(2) and
 * holding its process; the highest number counts, and is free once it is marked released or its process is gone.
 * The highest number is never deleted, so a claimant that was slow cannot take a number a second time without
 * seeing a higher one, before which it steps back.
 *
 * Throws LOCKED when the time is up.
 */
export async function withLock<T>(
  directory: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const claim = await acquire(directory, options)
  const heartbeat = setInterval(() => void touch(claim), HEARTBEAT_MS)
  heartbeat.unref()
  try {
    const result = await work()
    await release(claim)
    return result
  } catch (error) {
    // What went wrong with the work is what the caller is to hear of.
    await release(claim).catch(() => undefined)
    throw error
  } finally {
    clearInterval(heartbeat)
  }
}

/** On a full disk there is no room for the mark; a claim that names no process is free as well. */
async function release(claim: string): Promise<void> {
  await writeFile(`${claim}.released`, '').catch(() => truncate(claim))
}

/** Whether a live process holds the lock now. */
export async function isLocked(directory: string): Promise<boolean> {
  const highest = await highestClaim(directory)
  return highest > 0 && (await isHeld(directory, highest))
}

async function acquire(directory: string, options: LockOptions): Promise<string> {
  await makeDirectory(directory)
  const deadline = Date.now() + options.timeoutMs
  for (;;) {
    throwIfAborted(options.signal)
    const highest = await highestClaim(directory)
    if (highest > 0 && (await isHeld(directory, highest))) {
      if (Date.now() >= deadline) throw lockedError(directory)
      await sleep(POLL_MS)
    } else if (await claim(directory, highest + 1)) {
      return join(directory, `${highest + 1}`)
    }
  }
}

async function claim(directory: string, number: number): Promise<boolean> {
  const temporary = join(directory, temporaryName())
  await writeFile(temporary, JSON.stringify(ownIdentity()))
  try {
    await link(temporary, join(directory, `${number}`))
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
  if ((await highestClaim(directory)) > number) return false
  await removeBelow(directory, number)
  await removeAbandonedFiles(directory)
  return true
}

async function isHeld(directory: string, number: number): Promise<boolean> {
  const path = join(directory, `${number}`)
  if (await isPresent(`${path}.released`)) return false
  const life = await recordedLife(path)
  return life === 'unknown' ? !(await isSilent(path, SILENCE_MS)) : life === 'alive'
}

async function highestClaim(directory: string): Promise<number> {
  const numbers = (await listIfPresent(directory)).filter((name) => /^\d+$/.test(name)).map(Number)
  return Math.max(0, ...numbers)
}

async function removeBelow(directory: string, number: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const match = /^(\d+)(\.released)?$/.exec(name)
    if (match !== null && Number(match[1]) < number) await rm(join(directory, name), { force: true })
  }
}

function lockedError(directory: string): BallastError {
  return new BallastError('LOCKED', `another process holds the lock ${directory}`, {
    hint: 'wait until it has finished, then run the command again',
    retryable: true,
  })
}
