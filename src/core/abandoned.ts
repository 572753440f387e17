import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, shortDigest } from './digest.ts'
import { isSystemError } from './errors.ts'
import { lifeOf, ownIdentity, type ProcessIdentity } from './process-identity.ts'
import { isSilent } from './recorded-process.ts'

const FORM = /\.ballast-(\d+)-(\d*)-([0-9a-f]{12})-[0-9a-f]{12}\.tmp$/

/**
 * A name for something temporary in a directory where no session keeps account of it: it says which process writes it,
 * from the first instant on, so that another one can tell when it was left behind.
 */
export function temporaryName({ pid, started, scope }: ProcessIdentity = ownIdentity()): string {
  return `.ballast-${pid}-${started}-${shortDigest(digestOf(scope))}-${randomBytes(6).toString('hex')}.tmp`
}

/** Whether the process that a temporary name ends with still runs; undefined for any other name. */
export function lifeByName(name: string): ReturnType<typeof lifeOf> | undefined {
  const [, pid, started = '', scope] = FORM.exec(name) ?? []
  if (pid === undefined) return undefined
  const own = ownIdentity()
  const isNear = scope === shortDigest(digestOf(own.scope))
  return isNear ? lifeOf({ pid: Number(pid), started, scope: own.scope }) : 'unknown'
}

/** A process that cannot be looked at, on another host or in another pid namespace, counts as gone after this silence. */
const SILENCE_MS = 3_600_000

/** Removes the temporary files and directories of processes that are gone, as far as this user may. */
export async function removeAbandonedFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith('.ballast-')) await removeIfAbandoned(join(directory, name), lifeByName(name))
  }
}

async function removeIfAbandoned(path: string, life: ReturnType<typeof lifeByName>): Promise<void> {
  if (life !== 'dead' && !(life === 'unknown' && (await isSilent(path, SILENCE_MS)))) return
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    // Another user's, in a directory with the sticky bit, as /tmp.
    if (!isSystemError(error, 'EPERM', 'EACCES')) throw error
  }
}
