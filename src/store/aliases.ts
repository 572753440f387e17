import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AnyDigest,
  type Digest,
  isDigest,
  isSha512,
  listIfPresent,
  makeShared,
  readIfPresent,
  type Sha512,
  syncDirectory,
  writeFileDurably,
} from '../core/index.ts'
import { fileOptions, type StoreLayout } from './layout.ts'
import type { Session } from './session.ts'

/** Digests of other algorithms by which a client named blobs; the bytes are kept once, by their sha256 digest. */
export interface Aliases {
  /** The sha256 digest: a sha256 digest itself, else what it was put for; undefined when it never was. */
  resolve(digest: AnyDigest): Promise<Digest | undefined>
  /** To be called after the session has leased the blob, and before anything names it by the alias. */
  put(session: Session, alias: Sha512, digest: Digest): Promise<void>
  /** Removes those of blobs that are not live. */
  sweep(live: ReadonlySet<Digest>): Promise<void>
}

export function createAliases(layout: StoreLayout): Aliases {
  return {
    resolve: (digest) => resolveAlias(layout, digest),
    async put(session, alias, digest) {
      if ((await resolveAlias(layout, alias)) === digest) return
      await makeShared(layout.aliases, layout.sharing)
      await writeFileDurably(aliasPath(layout, alias), digest, fileOptions(layout, session))
    },
    async sweep(live) {
      let removed = 0
      for (const name of await listIfPresent(layout.aliases)) {
        const alias = `sha512:${name}`
        if (!isSha512(alias)) continue
        const digest = await resolveAlias(layout, alias)
        if (digest !== undefined && live.has(digest)) continue
        await rm(aliasPath(layout, alias), { force: true })
        removed++
      }
      if (removed > 0) await syncDirectory(layout.aliases)
    },
  }
}

export async function resolveAlias(layout: StoreLayout, digest: AnyDigest): Promise<Digest | undefined> {
  if (isDigest(digest)) return digest
  const text = (await readIfPresent(aliasPath(layout, digest)))?.toString('utf8')
  return text !== undefined && isDigest(text) ? text : undefined
}

function aliasPath(layout: StoreLayout, alias: Sha512): string {
  return join(layout.aliases, alias.slice('sha512:'.length))
}
