import { type Content, type Digest, forEachLimited, isBallastError, lent } from '../../core/index.ts'
import { decodeRecipe, layerContent } from '../../oci/index.ts'
import type { DerivedBlob, Store } from '../../store/index.ts'

/** Twice as many as Node.js has threads for the file system; more would only wait. */
export const LOOKS_AT_ONCE = 8

/** A stored blob, or one made from stored ones, of which all have to be there. Reads no content. */
export async function openBlob(store: Store, digest: Digest): Promise<Content | undefined> {
  const stored = await intact(store, digest)
  if (stored !== undefined) return stored
  const derived = await store.derived.get(digest)
  if (derived === undefined || !(await areIntact(store, derived.parts))) return undefined
  return derivedContent(store, derived)
}

/** The layer is laid out only when it is read: most requests ask for no more than whether it is there. */
function derivedContent({ fileContent }: Store, { size, recipe }: DerivedBlob): Content {
  const layer = (): Content => layerContent(decodeRecipe(recipe), fileContent)
  return { size, open: (range) => layer().open(range), lend: (range) => lent(layer(), range) }
}

async function areIntact(store: Store, digests: readonly Digest[]): Promise<boolean> {
  let all = true
  await forEachLimited(digests, LOOKS_AT_ONCE, async (digest) => {
    if (all && (await intact(store, digest)) === undefined) all = false
  })
  return all
}

/** Undefined for a blob that is missing or damaged: the client has to send it again. */
async function intact({ blobs }: Store, digest: Digest): Promise<Content | undefined> {
  const info = await blobs.stat(digest)
  if (info === undefined) return undefined
  try {
    await blobs.ensureIntact(info)
    return blobs.content(info)
  } catch (error) {
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}
