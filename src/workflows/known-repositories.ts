import { type Digest, isBallastError } from '../core/index.ts'
import { parseImageReference } from '../embed/index.ts'
import { childrenOf, type RepositoryName } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { type ImageAccess, openImage } from './image-places.ts'

/** Of so many repositories it is looked up what they have. */
const MOST = 32

/**
 * For blobs of models, another repository of the registry that has got them: as this store has pushed a version there, or
 * pulled it from there. Whether it has them still is for the registry to say. Empty for what is no registry.
 */
export async function repositoriesWith(
  store: Store,
  { target, name, access }: KnownRequest,
): Promise<ReadonlyMap<Digest, ImageRepository>> {
  const known = new Map<Digest, ImageRepository>()
  if (!target.scope.startsWith('registry:')) return known
  const host = target.scope.slice('registry:'.length)
  const opened = new Map<string, ImageRepository>()
  for (const { place, digest } of await versionsElsewhere(store, name)) {
    const image = registryImage(place)
    if (image?.host !== host || `${host}/${image.name}` === target.name) continue
    const text = `${host}/${image.name}`
    if (!opened.has(text) && opened.size >= MOST) continue
    const manifest = await store.readManifest(digest).catch(unlessGone)
    if (manifest === undefined) continue
    const repository = opened.get(text) ?? (await openImage(text, access, { direct: true })).repository
    opened.set(text, repository)
    for (const blob of childrenOf(manifest)) if (!known.has(blob.digest)) known.set(blob.digest, repository)
  }
  return known
}

interface KnownRequest {
  /** Where the blobs are to go. */
  readonly target: ImageRepository
  /** The model, whose versions may have been pulled. */
  readonly name: RepositoryName
  readonly access: ImageAccess
}

/** Versions that are in other places, what was brought there last first. */
async function versionsElsewhere(
  store: Store,
  name: RepositoryName,
): Promise<readonly { readonly place: string; readonly digest: Digest }[]> {
  const pushed = (await store.uses.list()).filter(({ kind }) => kind === 'remote')
  const pulled = (await store.records.listVersions(name)).map(({ from, digest }) => ({ place: from, digest }))
  return [...pushed.toReversed(), ...pulled.toReversed()]
}

function registryImage(text: string) {
  try {
    const image = parseImageReference(text)
    return image.kind === 'registry' ? image : undefined
  } catch (error) {
    // A source of another kind.
    if (isBallastError(error)) return undefined
    throw error
  }
}

function unlessGone(error: unknown): undefined {
  if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'DAMAGED')) return undefined
  throw error
}
