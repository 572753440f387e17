import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  type Digest,
  digestOf,
  digestOfHex,
  hexOf,
  isDigest,
  listIfPresent,
  makeShared,
  readIfPresent,
  writeFileDurably,
} from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import { fileOptions, type StoreLayout } from './layout.ts'
import type { Session } from './session.ts'

/** A blob that is not stored but made from stored ones whenever it is read: a layer of an image. */
export interface DerivedBlob {
  readonly digest: Digest
  readonly size: number
  /** The stored blobs that it is made from; while it is referred to, they live. */
  readonly parts: readonly Digest[]
  /** How to make it: text that only its writer understands. */
  readonly recipe: string
}

/** What was derived once is remembered by digest and by recipe, so that it never has to be hashed again. */
export interface DerivedBlobs {
  get(digest: Digest): Promise<DerivedBlob | undefined>
  findByRecipe(recipe: string): Promise<DerivedBlob | undefined>
  /** Nothing on a store that this user cannot write to: the layer is hashed again next time. */
  put(session: Session, blob: DerivedBlob): Promise<void>
  list(): Promise<readonly Digest[]>
  remove(digest: Digest): Promise<void>
}

export function createDerivedBlobs(layout: StoreLayout): DerivedBlobs {
  const pathOf = (digest: Digest): string => join(layout.derived, `${hexOf(digest)}.json`)
  const keyPath = (recipe: string): string => join(layout.derived, `${hexOf(digestOf(recipe))}.recipe`)

  async function get(digest: Digest): Promise<DerivedBlob | undefined> {
    const bytes = await readIfPresent(pathOf(digest))
    if (bytes === undefined) return undefined
    const { size, parts, recipe } = parseJson(bytes) ?? {}
    if (typeof size === 'number' && typeof recipe === 'string' && Array.isArray(parts)) {
      return { digest, size, parts: parts.filter(isDigest), recipe }
    }
    throw new BallastError('DAMAGED', `the record ${pathOf(digest)} cannot be read`, {
      hint: 'delete that file',
    })
  }

  return {
    get,
    async findByRecipe(recipe) {
      const digest = (await readIfPresent(keyPath(recipe)))?.toString('utf8')
      if (digest === undefined || !isDigest(digest)) return undefined
      const found = await get(digest)
      return found?.recipe === recipe ? found : undefined
    },
    async put(session, blob) {
      const { digest, ...record } = blob
      if (!session.writable) return
      const options = fileOptions(layout, session)
      await makeShared(layout.derived, layout.sharing)
      await writeFileDurably(pathOf(digest), `${JSON.stringify(record)}\n`, options)
      await writeFileDurably(keyPath(blob.recipe), digest, options)
    },
    async list() {
      const names = await listIfPresent(layout.derived)
      return names.flatMap((name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? []).map(digestOfHex)
    },
    async remove(digest) {
      const blob = await get(digest).catch(() => undefined)
      if (blob !== undefined) await rm(keyPath(blob.recipe), { force: true })
      await rm(pathOf(digest), { force: true })
    },
  }
}
