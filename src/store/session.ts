import { randomBytes } from 'node:crypto'
import { appendFile, chmod, mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Digest,
  discard,
  isDigest,
  isLocked,
  keepAlive,
  lifeByName,
  lifeBySigns,
  listIfPresent,
  makeShared,
  named,
  ownIdentity,
  type Patience,
  readIfPresent,
  recordedLife,
  temporaryName,
  throwIfAborted,
} from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import { FORMAT, type StoreLayout } from './layout.ts'

/**
 * Work in flight. What it relies on is leased, and what it has half written stands in its own directory, so that
 * `gc` spares both while the process lives and removes both once it is gone.
 */
export interface Session extends AsyncDisposable {
  /** For temporary files; on the store's file system. Not to be used where the session is not `writable`. */
  readonly directory: string
  /** False on a store that this user cannot write to: then nothing can be leased and nothing remembered. */
  readonly writable: boolean
  /**
   * Keeps blobs from `gc` until the session is closed. To be called BEFORE looking whether they are present, and
   * awaited: it waits for a `gc` that has already announced itself, because that one may not have seen the lease.
   */
  lease(digests: readonly Digest[]): Promise<void>
  /** Never fails for the disk: what cannot be removed now, `gc` removes once the process is gone. */
  close(): Promise<void>
}

const POLL_MS = 20

export async function openSession(layout: StoreLayout): Promise<Session> {
  const directory = join(layout.sessions, randomBytes(8).toString('hex'))
  const leases = join(directory, 'leases')
  await makeShared(layout.sessions, layout.sharing)
  await makeSessionDirectory(layout, directory)
  const stopHeartbeat = keepAlive(directory)
  const close = async (): Promise<void> => {
    stopHeartbeat()
    await discard(directory)
  }
  return {
    directory,
    writable: true,
    async lease(digests) {
      await named(leases, () => appendFile(leases, digests.map((digest) => `${digest}\n`).join('')))
      while (await isLocked(layout.gcLock)) await sleep(POLL_MS)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * Work that only reads, on a store that this user cannot write to. A `gc` of another user may remove what it relies on;
 * then it fails, and says so. Of a file system that is read-only for everybody nothing can be removed anyway.
 */
export function unleasedSession(layout: StoreLayout): Session {
  const nothing = async (): Promise<void> => undefined
  return {
    directory: layout.sessions,
    writable: false,
    lease: nothing,
    close: nothing,
    [Symbol.asyncDispose]: nothing,
  }
}

/** In one step for a reader, who can tell at every instant whose it is: by the temporary name, or by the file. */
async function makeSessionDirectory({ sessions, sharing }: StoreLayout, directory: string): Promise<void> {
  const nascent = join(sessions, temporaryName())
  try {
    await mkdir(nascent)
    if (sharing !== undefined) await chmod(nascent, sharing.directoryMode)
    for (const [name, text] of Object.entries({
      process: JSON.stringify({ ...ownIdentity(), format: FORMAT }),
      leases: '',
    })) {
      const path = join(nascent, name)
      await named(path, () => writeFile(path, text))
      if (sharing !== undefined) await chmod(path, sharing.fileMode)
    }
    await rename(nascent, directory)
  } catch (error) {
    await discard(nascent)
    throw error
  }
}

export interface SessionScan {
  /** Everything that a live session has leased. */
  readonly leased: ReadonlySet<Digest>
  /** Directories that dead sessions left behind. */
  readonly abandoned: readonly string[]
}

export interface ScanOptions {
  readonly patience?: Patience | undefined
  /** Whose leases are passed over. */
  readonly besides?: readonly Session[]
}

export async function scanSessions(
  layout: StoreLayout,
  { patience, besides = [] }: ScanOptions = {},
): Promise<SessionScan> {
  const ignored = new Set(besides.map(({ directory }) => directory))
  const leased = new Set<Digest>()
  const abandoned: string[] = []
  for (const name of await listIfPresent(layout.sessions)) {
    const directory = join(layout.sessions, name)
    if (ignored.has(directory)) continue
    if ((await lifeOfSession(directory, patience)) === 'gone') abandoned.push(directory)
    else for (const digest of await leasesOf(directory)) leased.add(digest)
  }
  return { leased, abandoned }
}

/** Watches the sessions that cannot be looked at, and have been silent, until it is clear whether they live. */
export async function settleDoubts(
  layout: StoreLayout,
  { patience, signal }: { readonly patience: Patience | undefined; readonly signal: AbortSignal | undefined },
): Promise<void> {
  for (;;) {
    const directories = (await listIfPresent(layout.sessions)).map((name) => join(layout.sessions, name))
    const lives = await Promise.all(directories.map((directory) => lifeOfSession(directory, patience)))
    if (!lives.includes('doubtful')) return
    throwIfAborted(signal)
    await sleep(POLL_MS)
  }
}

export async function lifeOfSession(
  directory: string,
  patience: Patience | undefined,
): Promise<'alive' | 'doubtful' | 'gone'> {
  const life = lifeByName(directory) ?? (await recordedLife(join(directory, 'process')))
  if (life === 'dead') return 'gone'
  return life === 'alive' ? 'alive' : lifeBySigns(directory, patience)
}

export interface SessionOwner {
  readonly pid: number | undefined
  /** The highest store format that it knows; undefined before format 2, and while it begins. */
  readonly format: number | undefined
}

export async function ownerOf(directory: string): Promise<SessionOwner> {
  const bytes = await readIfPresent(join(directory, 'process'))
  const { pid, format } = (bytes && parseJson(bytes)) ?? {}
  return {
    pid: typeof pid === 'number' ? pid : undefined,
    format: typeof format === 'number' ? format : undefined,
  }
}

/** A line that is still being written is skipped: whoever writes it has yet to look for this `gc`, and will wait. */
async function leasesOf(directory: string): Promise<readonly Digest[]> {
  const text = (await readIfPresent(join(directory, 'leases')))?.toString('utf8') ?? ''
  return text.split('\n').filter(isDigest)
}
