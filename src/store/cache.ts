import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Digest,
  digestOf,
  digestOfHex,
  hexOf,
  isPresent,
  isSystemError,
  listIfPresent,
  makeShared,
  readIfPresent,
  writeFileDurably,
} from '../core/index.ts'
import { type Json, objectOf } from '../model/index.ts'
import { blobPath, fileOptions, type StoreLayout } from './layout.ts'
import { readSealed, writeSealed } from './sealed.ts'
import type { Session } from './session.ts'

/** Facts that can be worked out again at any time, by key. `gc` may drop any of them. */
export interface Cache {
  get(kind: string, digest: Digest): Promise<Buffer | undefined>
  /** Nothing on a store that this user cannot write to. */
  put(
    session: Session,
    kind: string,
    entry: { readonly digest: Digest; readonly data: Uint8Array },
  ): Promise<void>
  /** Many facts in one file, by a name: read at once, and lost where a loss of power has torn it. */
  getMany(kind: string, name: string): Json | undefined
  putMany(
    session: Session,
    kind: string,
    entry: { readonly name: string; readonly content: Json },
  ): Promise<void>
}

export function createCache(layout: StoreLayout): Cache {
  const pathOf = (kind: string, digest: Digest): string => `${layout.cache}/${kind}/${hexOf(digest)}`
  return {
    get: (kind, digest) => readIfPresent(pathOf(kind, digest)),
    async put(session, kind, { digest, data }) {
      if (!session.writable) return
      await makeShared(join(layout.cache, kind), layout.sharing)
      await writeFileDurably(pathOf(kind, digest), data, fileOptions(layout, session))
    },
    getMany(kind, name) {
      const { of, content } = readSealed(pathOf(kind, digestOf(name))) ?? {}
      return of === name ? objectOf(content) : undefined
    },
    async putMany(session, kind, { name, content }) {
      if (!session.writable) return
      const options = { temporaryDirectory: session.directory, sharing: layout.sharing }
      await writeSealed(pathOf(kind, digestOf(name)), { of: name, content }, options)
    },
  }
}

/** What is known about a blob of the store's own, which costs reading it whole: kept for as long as that is there. */
export const ABOUT_BLOBS = 'packs'

const LIFETIME_MS = 90 * 24 * 60 * 60_000

/**
 * Drops entries 90 days after they were written, used or not: nothing tells which are, and one that is costs a
 * download of one base layer in three months. Those about blobs go with their blobs.
 */
export async function dropOldEntries(layout: StoreLayout, now: number = Date.now()): Promise<void> {
  for (const kind of await listIfPresent(layout.cache)) {
    for (const name of await listIfPresent(join(layout.cache, kind))) {
      // What a file manager or a network file system has put there is none of ours.
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const path = join(layout.cache, kind, name)
      const isOver =
        kind === ABOUT_BLOBS
          ? !(await isPresent(blobPath(layout, digestOfHex(name))))
          : (await writtenAt(path)) < now - LIFETIME_MS
      if (isOver) await rm(path, { force: true })
    }
  }
}

/** In milliseconds since 1970. */
async function writtenAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return Number.POSITIVE_INFINITY
    throw error
  }
}
