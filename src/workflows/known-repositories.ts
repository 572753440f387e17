import { type Digest, isBallastError } from '../core/index.ts'
import { parseImageReference } from '../embed/index.ts'
import { childrenOf } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { type Store, unlessGone } from '../store/index.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import type { ResolvedVersion } from './resolve.ts'

/** Of so many repositories it is looked up what they have, */
const MOST = 32
/** by so many manifests. */
const MOST_READ = 256

/**
 * For blobs of a version, another repository of the registry that has got them: as this store has pushed a version there, or
 * pulled it from there. Whether it has them still is for the registry to say. Empty for what is no registry.
 */
export async function repositoriesWith(
  store: Store,
  { target, resolved, access }: KnownRequest,
): Promise<ReadonlyMap<Digest, ImageRepository>> {
  const known = new Map<Digest, ImageRepository>()
  if (!target.scope.startsWith('registry:')) return known
  const host = target.scope.slice('registry:'.length)
  const manifest = await store.readManifest(resolved.version.digest)
  const wanted = new Set(childrenOf(manifest).map(({ digest }) => digest))
  const opened = new Map<string, ImageRepository>()
  let left = MOST_READ
  for (const { place, digest } of await versionsElsewhere(store, resolved)) {
    if (left === 0 || wanted.size === 0) break
    const image = registryImage(place)
    if (image?.host !== host || `${host}/${image.name}` === target.name) continue
    const text = `${host}/${image.name}`
    if (!opened.has(text) && opened.size >= MOST) continue
    left--
    const other = await store.readManifest(digest).catch(unlessGone)
    if (other === undefined) continue
    const repository = opened.get(text) ?? (await openImage(text, access, { direct: true })).repository
    opened.set(text, repository)
    for (const blob of childrenOf(other)) if (wanted.delete(blob.digest)) known.set(blob.digest, repository)
  }
  return known
}

interface KnownRequest {
  /** Where the blobs are to go. */
  readonly target: ImageRepository
  /** Whose they are; other versions of its model may have been pulled. */
  readonly resolved: ResolvedVersion
  readonly access: ImageAccess
}

/** Versions that are in other places, this one first, then what was brought there last. */
async function versionsElsewhere(
  store: Store,
  { reference, version }: ResolvedVersion,
): Promise<readonly { readonly place: string; readonly digest: Digest }[]> {
  const pushed = (await store.uses.list()).filter(({ kind }) => kind === 'remote')
  const pulled = (await store.records.listVersions(reference.name)).map(({ from, digest }) => ({
    place: from,
    digest,
  }))
  const all = [...pushed.toReversed(), ...pulled.toReversed()]
  const isIt = ({ digest }: { readonly digest: Digest }): boolean => digest === version.digest
  return [...all.filter(isIt), ...all.filter((one) => !isIt(one))]
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
