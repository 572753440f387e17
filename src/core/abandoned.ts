import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf, shortDigest } from './digest.ts'
import { lifeOf, ownIdentity } from './process-identity.ts'
import { isSilent } from './recorded-process.ts'

const FORM = /^\.ballast-(\d+)-(\d*)-([0-9a-f]{12})-[0-9a-f]{12}\.tmp$/

/**
 * A name for a temporary file in a directory of the user's, where no session keeps account of it: it says which
 * process writes it, so that another one can tell when it was left behind.
 */
export function temporaryName(): string {
  const { pid, started, scope } = ownIdentity()
  return `.ballast-${pid}-${started}-${shortDigest(digestOf(scope))}-${randomBytes(6).toString('hex')}.tmp`
}

/** A process that cannot be looked at, on another host or in another pid namespace, counts as gone after this silence. */
const SILENCE_MS = 3_600_000

/** Removes the temporary files of processes that are gone. */
export async function removeAbandonedFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, pid, started = '', scope] = FORM.exec(name) ?? []
    if (pid === undefined) continue
    const path = join(directory, name)
    const own = ownIdentity()
    const isNear = scope === shortDigest(digestOf(own.scope))
    const life = isNear ? lifeOf({ pid: Number(pid), started, scope: own.scope }) : 'unknown'
    if (life === 'dead' || (life === 'unknown' && (await isSilent(path, SILENCE_MS))))
      await rm(path, { force: true })
  }
}
