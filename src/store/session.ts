import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Digest,
  isDigest,
  isLocked,
  isSilent,
  listIfPresent,
  makeDirectory,
  ownIdentity,
  readIfPresent,
  recordedLife,
  touch,
} from '../core/index.ts'
import type { StoreLayout } from './layout.ts'

/**
 * Work in flight. What it relies on is leased, and what it has half written stands in its own directory, so that
 * `gc` spares both while the process lives and removes both once it is gone.
 */
export interface Session extends AsyncDisposable {
  /** For temporary files; on the store's file system. */
  readonly directory: string
  /**
   * Keeps blobs from `gc` until the session is closed. To be called BEFORE looking whether they are present, and
   * awaited: it waits for a `gc` that has already announced itself, because that one may not have seen the lease.
   */
  lease(digests: readonly Digest[]): Promise<void>
  close(): Promise<void>
}

const HEARTBEAT_MS = 10_000
const SILENCE_MS = 120_000
const POLL_MS = 20

export async function openSession(layout: StoreLayout): Promise<Session> {
  const directory = join(layout.sessions, randomBytes(8).toString('hex'))
  const leases = join(directory, 'leases')
  await makeDirectory(layout.sessions)
  // In one step for a reader: a session directory without its process would look dead.
  const nascent = join(layout.sessions, `.${randomBytes(8).toString('hex')}`)
  await mkdir(nascent)
  await writeFile(join(nascent, 'process'), JSON.stringify(ownIdentity()))
  await writeFile(join(nascent, 'leases'), '')
  await rename(nascent, directory)
  const heartbeat = setInterval(() => void touch(directory), HEARTBEAT_MS)
  heartbeat.unref()
  const close = async (): Promise<void> => {
    clearInterval(heartbeat)
    await rm(directory, { recursive: true, force: true })
  }
  return {
    directory,
    async lease(digests) {
      await appendFile(leases, digests.map((digest) => `${digest}\n`).join(''))
      while (await isLocked(layout.gcLock)) await sleep(POLL_MS)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

export interface SessionScan {
  /** Everything that a live session has leased. */
  readonly leased: ReadonlySet<Digest>
  /** Directories that dead sessions left behind. */
  readonly abandoned: readonly string[]
}

export async function scanSessions(layout: StoreLayout): Promise<SessionScan> {
  const leased = new Set<Digest>()
  const abandoned: string[] = []
  for (const name of await listIfPresent(layout.sessions)) {
    const directory = join(layout.sessions, name)
    if (await isAbandoned(directory)) abandoned.push(directory)
    else for (const digest of await leasesOf(directory)) leased.add(digest)
  }
  return { leased, abandoned }
}

async function isAbandoned(directory: string): Promise<boolean> {
  const life = await recordedLife(join(directory, 'process'))
  const isUncertain = life === 'unknown' || life === 'unnamed'
  return isUncertain ? isSilent(directory, SILENCE_MS) : life === 'dead'
}

/** A line that is still being written is skipped: whoever writes it has yet to look for this `gc`, and will wait. */
async function leasesOf(directory: string): Promise<readonly Digest[]> {
  const text = (await readIfPresent(join(directory, 'leases')))?.toString('utf8') ?? ''
  return text.split('\n').filter(isDigest)
}
