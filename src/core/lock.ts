import { chmod, link, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeAbandonedFiles, temporaryName } from './abandoned.ts'
import { makeShared, type Sharing } from './directories.ts'
import { discard } from './durable-file.ts'
import { BallastError, isSystemError, named, systemCode, throwIfAborted } from './errors.ts'
import { isPresent, listIfPresent } from './optional-file.ts'
import { ownIdentity } from './process-identity.ts'
import { keepAlive, lifeBySigns, type Patience, recordedLife } from './recorded-process.ts'

export interface LockOptions {
  /** How long to wait for another holder, in milliseconds; 0 gives up at once. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Of a directory that several users share. */
  readonly sharing?: Sharing | undefined
  readonly patience?: Patience | undefined
}

const POLL_MS = 15
const RETRY_MS = 10_000

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
  const stopHeartbeat = keepAlive(claim)
  try {
    return await work()
  } finally {
    stopHeartbeat()
    await release(claim)
  }
}

/**
 * On a full disk there is no room for the mark; a claim that names no process is free as well. Where neither can be
 * written, the work has still been done or failed, which is what the caller is to hear of; the claim ends with the
 * process, and one that lives on tries again.
 */
async function release(claim: string): Promise<void> {
  if (await mark(claim)) return
  const retry = setInterval(async () => {
    if (await mark(claim)) clearInterval(retry)
  }, RETRY_MS)
  retry.unref()
}

async function mark(claim: string): Promise<boolean> {
  const attempts = [() => writeFile(`${claim}.released`, ''), () => truncate(claim)]
  for (const attempt of attempts) {
    const done = await attempt().then(
      () => true,
      () => false,
    )
    if (done) return true
  }
  return !(await isPresent(claim).catch(() => true))
}

/**
 * Whether a live process holds the lock now. Takes its time over a holder that cannot be looked at and has been silent,
 * until it has been watched for long enough.
 */
export async function isLocked(directory: string, patience?: Patience): Promise<boolean> {
  for (;;) {
    const highest = await highestClaim(directory)
    const state = highest === 0 ? 'free' : await stateOf(directory, highest, patience)
    if (state !== 'doubtful') return state === 'held'
    await sleep(POLL_MS)
  }
}

async function acquire(directory: string, options: LockOptions): Promise<string> {
  await makeShared(directory, options.sharing)
  // By a clock that nobody sets.
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    throwIfAborted(options.signal)
    const highest = await highestClaim(directory)
    const state = highest === 0 ? 'free' : await stateOf(directory, highest, options.patience)
    if (state === 'free') {
      if (await claim(directory, { number: highest + 1, sharing: options.sharing }))
        return join(directory, `${highest + 1}`)
      continue
    }
    // A doubt is cleared up even by who does not want to wait: a container that was started again would else never
    // get what its former self held.
    if (state === 'held' && performance.now() >= deadline) throw lockedError(directory)
    await sleep(POLL_MS)
  }
}

interface Claim {
  readonly number: number
  readonly sharing: Sharing | undefined
}

async function claim(directory: string, { number, sharing }: Claim): Promise<boolean> {
  const path = join(directory, `${number}`)
  if (!(await createClaim(path, sharing?.fileMode))) return false
  try {
    if ((await highestClaim(directory)) > number) return false
    await tidy(directory, number)
    return true
  } catch (error) {
    await release(path)
    throw error
  }
}

/** Not synced: after a loss of power nobody holds anything. */
async function createClaim(path: string, mode: number | undefined): Promise<boolean> {
  const temporary = join(dirname(path), temporaryName())
  try {
    await named(temporary, () => writeFile(temporary, JSON.stringify(ownIdentity())))
    if (mode !== undefined) await chmod(temporary, mode)
    await link(temporary, path)
    return true
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false
    throw error
  } finally {
    await discard(temporary)
  }
}

/** What cannot be removed now, the next holder removes. */
async function tidy(directory: string, number: number): Promise<void> {
  try {
    await removeBelow(directory, number)
    await removeAbandonedFiles(directory)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}

async function stateOf(
  directory: string,
  number: number,
  patience: Patience | undefined,
): Promise<'held' | 'free' | 'doubtful'> {
  const path = join(directory, `${number}`)
  if (await isPresent(`${path}.released`)) return 'free'
  const life = await recordedLife(path)
  if (life !== 'unknown') return life === 'alive' ? 'held' : 'free'
  const signs = await lifeBySigns(path, patience)
  return signs === 'alive' ? 'held' : signs === 'gone' ? 'free' : 'doubtful'
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
