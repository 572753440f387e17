import {
  BallastError,
  type CallOptions,
  type Digest,
  forEachLimited,
  isBallastError,
  isDigest,
} from '../core/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'

/** How many former images of a tag stay reachable. */
const KEPT = 10
const LONGEST_TAG = 128
const LOOKED_AT_ONCE = 4

export interface FormerImage {
  readonly tag: string
  readonly number: number
}

/** `<tag>.was-<n>`, oldest first: the images that the tag pointed to before. */
export async function formerImages(
  repository: ImageRepository,
  tag: string,
  options: CallOptions = {},
): Promise<readonly FormerImage[]> {
  const prefix = `${tag}.was-`
  const former = (await repository.listTags(options)).flatMap((name): FormerImage[] => {
    const number = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN
    return Number.isSafeInteger(number) ? [{ tag: name, number }] : []
  })
  return former.sort((a, b) => a.number - b.number)
}

/**
 * Points the tag (or with an empty one, a layout's untagged entry) to a manifest whose blobs are all there, and gives
 * the image that it pointed to a tag of its own first: a registry's garbage collection removes what no tag names.
 * Returns that tag, if one was needed.
 */
export async function replaceImage(
  repository: ImageRepository,
  { tag, manifest }: { readonly tag: string; readonly manifest: StoredManifest },
  options: CallOptions = {},
): Promise<string | undefined> {
  if (isDigest(tag)) {
    throw new BallastError('USAGE', `${repository.name}@${tag}: the digest of the result cannot be chosen`, {
      hint: 'name the resulting image with a tag',
    })
  }
  const keepsFormer = tag !== ''
  const [current, former, id] = await Promise.all([
    findImage(repository, tag, options),
    keepsFormer ? formerImages(repository, tag, options) : [],
    idOf(repository, manifest),
  ])
  if (current?.id === id) return undefined
  const keeps = current !== undefined && keepsFormer
  const kept = keeps ? await keepFormer(repository, { tag, current, former }, options) : undefined
  await repository.putManifest(manifest, tag, options)
  return kept
}

/** The newest former image that differs from the current one. Throws NOT_FOUND, CONFLICT. */
export async function previousImage(
  repository: ImageRepository,
  tag: string,
  options: CallOptions = {},
): Promise<StoredManifest> {
  const current = await findImage(repository, tag, options)
  if (current === undefined) throw noImage(repository, tag)
  for (const former of (await formerImages(repository, tag, options)).toReversed()) {
    const image = await findImage(repository, former.tag, options)
    if (image === undefined || image.id === current.id) continue
    const manifest = image.manifest ?? (await repository.getManifest(former.tag, options))
    if (manifest !== undefined) return manifest
  }
  throw new BallastError('CONFLICT', `${repository.name}:${tag} has no former image to go back to`, {
    hint: `former images stand under ${tag}.was-1 and so on; embed makes one whenever it replaces a tag`,
  })
}

export function noImage(repository: ImageRepository, reference: string): BallastError {
  return new BallastError('NOT_FOUND', `no image ${nameOfImage(repository, reference)}`, {
    hint:
      repository.whole?.ifMissing ??
      'check name and tag; an image has to be pushed before a model can be embedded in it',
  })
}

/** As an operand: `localhost:5000/app:v1`, `oci:./image`. */
export function nameOfImage(repository: ImageRepository, reference: string): string {
  const separator = isDigest(reference) ? '@' : ':'
  return `${repository.name}${reference === '' ? '' : separator}${reference}`
}

async function keepFormer(
  repository: ImageRepository,
  {
    tag,
    current,
    former,
  }: { readonly tag: string; readonly current: FoundImage; readonly former: readonly FormerImage[] },
  options: CallOptions,
): Promise<string | undefined> {
  // Going back and forth must not fill the list with the same few images.
  const same = await findSame(repository, { current, former }, options)
  if (same !== undefined) return same.tag
  const name = `${tag}.was-${(former.at(-1)?.number ?? 0) + 1}`
  if (name.length > LONGEST_TAG) {
    throw new BallastError(
      'REFUSED',
      `the tag ${tag} is too long: the image it points to could not be kept as ${name}`,
      {
        hint: 'choose a shorter tag for the result',
      },
    )
  }
  await addTag(repository, { image: current, tag: name }, options)
  for (const old of former.slice(0, Math.max(0, former.length + 1 - KEPT))) {
    // Many registries cannot remove a tag alone; one more of them than wished for does no harm.
    await repository.deleteTag?.(old.tag, options).catch(ignoreRefusal)
  }
  return name
}

/** The newest of these that the current image has still, as far as is found before an older one. */
async function findSame(
  repository: ImageRepository,
  { current, former }: { readonly current: FoundImage; readonly former: readonly FormerImage[] },
  options: CallOptions,
): Promise<FormerImage | undefined> {
  const same: FormerImage[] = []
  const look = async (image: FormerImage, signal: AbortSignal): Promise<void> => {
    if (same.length > 0) return
    const found = await findImage(repository, image.tag, { ...options, signal })
    if (found?.id === current.id) same.push(image)
  }
  await forEachLimited(former.toReversed(), LOOKED_AT_ONCE, look, options.signal)
  return same.sort((a, b) => b.number - a.number)[0]
}

/** What tells images apart: the digest of the manifest, or where there are none, the image's id. */
export async function idOf(repository: ImageRepository, manifest: StoredManifest): Promise<Digest> {
  return (await repository.whole?.idOf(manifest)) ?? manifest.digest
}

/** Its manifest, except where that would have to be read out of the image. */
interface FoundImage {
  readonly id: Digest
  readonly manifest: StoredManifest | undefined
}

async function findImage(
  repository: ImageRepository,
  tag: string,
  options: CallOptions,
): Promise<FoundImage | undefined> {
  if (repository.whole !== undefined) {
    const id = await repository.whole.find(tag, options)
    return id && { id, manifest: undefined }
  }
  const manifest = await repository.getManifest(tag, options)
  return manifest && { id: manifest.digest, manifest }
}

async function addTag(
  repository: ImageRepository,
  { image, tag }: { readonly image: FoundImage; readonly tag: string },
  options: CallOptions,
): Promise<void> {
  if (image.manifest !== undefined) await repository.putManifest(image.manifest, tag, options)
  else await repository.whole?.addTag(image.id, tag, options)
}

/** Who may push may often not delete. */
function ignoreRefusal(error: unknown): void {
  if (!isBallastError(error, 'REMOTE') && !isBallastError(error, 'UNAUTHORIZED')) throw error
}
