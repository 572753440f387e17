import {
  BallastError,
  type CallOptions,
  type Content,
  type Digest,
  hexOf,
  isDigest,
  metered,
  readAll,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import { DOCKER_MANIFEST_LIST, LARGEST_MANIFEST, OCI_INDEX } from '../model/index.ts'
import { blobsIn } from './archive-documents.ts'
import { readEntries } from './archive-entries.ts'
import { type Extent, explained, openArchiveFile } from './archive-file.ts'
import {
  type ArchiveImage,
  damagedArchive,
  type LayoutImage,
  listImages,
  type OpenedArchive,
  type SavedImage,
} from './archive-images.ts'
import { chooseImage, listOf } from './archive-names.ts'
import { type DescribedImage, describeSaved } from './archive-saved.ts'
import type { BlobDescriptor, ImageRepository, StoredManifest } from './image-repository.ts'
import { mediaTypeOf } from './layout-index.ts'
import { platformsOf } from './platforms.ts'

export interface ArchiveRepository extends ImageRepository {
  /** Those of `index.json`, each once with all of its names; none of an archive that only `docker load` reads. */
  readonly manifests: readonly { readonly names: readonly string[]; readonly digest: Digest }[]
  /**
   * What the image that a reference means is called: `my_ml_app:latest`; empty where it has no name. Throws NOT_FOUND and
   * REFUSED, each with the names that there are.
   */
  imageName(reference: string): string
}

/**
 * A tar file with images, of `docker save`, `podman save` or skopeo, read in place: nothing of it is unpacked. The
 * images are those of `index.json`, else those of `manifest.json`, for which a manifest is made. A reference is a name
 * (`app:v1`), its end or its tag; the empty one means the only image. An index of which the archive holds one platform
 * stands for that.
 *
 * Throws NOT_FOUND where there is no file, REFUSED for what is no archive of images or is compressed, DAMAGED for one
 * that is cut short, ambiguous or leads out of itself. Writing to it is REFUSED: see `createArchive`.
 */
export async function openArchive(path: string, options: CallOptions = {}): Promise<ArchiveRepository> {
  return explained(options, async () => {
    const file = await openArchiveFile(path)
    const archive = { file, entries: await readEntries(file, options) }
    return archiveOf(archive, await listImages(archive, options))
  })
}

function archiveOf(archive: OpenedArchive, images: readonly ArchiveImage[]): ArchiveRepository {
  const { file, entries } = archive
  const name = `archive:${file.path}`
  const described = new Map<SavedImage, DescribedImage>()

  async function describe(image: SavedImage, options: CallOptions): Promise<DescribedImage> {
    const known = described.get(image) ?? (await describeSaved(archive, image, options))
    described.set(image, known)
    return known
  }

  function findBlob(digest: Digest): Extent | undefined {
    for (const { blobs } of described.values()) {
      const extent = blobs.get(digest)
      if (extent !== undefined) return extent
    }
    return entries.find(`blobs/sha256/${hexOf(digest)}`)
  }

  async function manifestOf(image: ArchiveImage, options: CallOptions): Promise<StoredManifest> {
    if (image.kind === 'saved') return (await describe(image, options)).manifest
    const found = await readManifest(image, options)
    if (found === undefined)
      throw damagedArchive(file, `it lacks the manifest ${image.digest}, which its index.json names`)
    const only = onlyThere(found, (digest) => findBlob(digest) !== undefined)
    return (only && (await readManifest({ digest: only, mediaType: undefined }, options))) ?? found
  }

  async function readManifest(
    { digest, mediaType }: Pick<LayoutImage, 'digest' | 'mediaType'>,
    options: CallOptions,
  ): Promise<StoredManifest | undefined> {
    const extent = findBlob(digest)
    if (extent === undefined) return undefined
    if (extent.size > LARGEST_MANIFEST)
      throw damagedArchive(file, `the manifest ${digest} has ${extent.size} bytes`)
    throwIfAborted(options.signal)
    const expected = { digest, size: extent.size }
    const bytes = await readAll(
      verified(file.part(extent).open(), expected, `manifest ${digest}`),
      LARGEST_MANIFEST,
    )
    const manifest = { mediaType: mediaType ?? mediaTypeOf(bytes), digest, bytes }
    for (const blob of blobsIn(manifest)) checkBlob(blob)
    return manifest
  }

  function checkBlob({ digest, size }: BlobDescriptor): void {
    const found = findBlob(digest)
    if (found === undefined) throw damagedArchive(file, `it lacks blob ${digest}, which a manifest names`)
    if (found.size !== size) {
      throw damagedArchive(file, `blob ${digest}: ${size} bytes expected, ${found.size} found`)
    }
  }

  async function getManifest(reference: string, options: CallOptions): Promise<StoredManifest | undefined> {
    if (!isDigest(reference)) {
      const chosen = chooseImage(images, { reference, archive: name })
      return chosen && manifestOf(chosen.image, options)
    }
    for (const image of images) {
      if (image.kind !== 'saved') continue
      const { manifest } = await describe(image, options)
      if (manifest.digest === reference) return manifest
    }
    return readManifest({ digest: reference, mediaType: undefined }, options)
  }

  function openBlob(blob: BlobDescriptor, { signal }: CallOptions): Content {
    return {
      size: blob.size,
      async *open(range) {
        throwIfAborted(signal)
        const extent = findBlob(blob.digest)
        if (extent === undefined) {
          throw new BallastError('NOT_FOUND', `blob ${blob.digest} is not in ${name}`, {
            hint: 'the archive is incomplete: get it again, or save the image again',
          })
        }
        checkBlob(blob)
        yield* metered(file.part(extent).open(range), () => undefined, signal)
      },
    }
  }

  const readOnly = (): never => {
    throw new BallastError('REFUSED', `${name} has been opened for reading`, {
      hint: 'name the archive with -t to have it written anew',
    })
  }

  return {
    name,
    manifests: images.flatMap((image) =>
      image.kind === 'layout' ? [{ names: image.names, digest: image.digest }] : [],
    ),
    scope: `archive:${file.identity}`,
    getManifest: (reference, options = {}) => explained(options, () => getManifest(reference, options)),
    openBlob: (blob, options = {}) => openBlob(blob, options),
    hasBlob: (blob, options = {}) =>
      explained(options, async () => findBlob(blob.digest)?.size === blob.size),
    mountBlob: (_blob, _from, options = {}) => explained(options, async () => false),
    putBlob: (_blob, _content, options = {}) => explained(options, async () => readOnly()),
    putManifest: (_manifest, _tag, options = {}) => explained(options, async () => readOnly()),
    listTags: (options = {}) =>
      explained(options, async () => [...new Set(images.flatMap(({ names }) => names))].sort()),
    imageName(reference) {
      const chosen = chooseImage(images, { reference, archive: name })
      if (chosen !== undefined) return chosen.name
      throw new BallastError('NOT_FOUND', `no image ${reference === '' ? '' : `${reference} `}in ${name}`, {
        hint: listOf(images),
      })
    },
  }
}

/** Docker saves an index with the image of one platform: it then stands for that image. */
function onlyThere(
  { mediaType, bytes }: StoredManifest,
  isThere: (digest: Digest) => boolean,
): Digest | undefined {
  if (mediaType !== OCI_INDEX && mediaType !== DOCKER_MANIFEST_LIST) return undefined
  const listed = platformsOf(bytes).map(({ descriptor }) => descriptor.digest)
  const there = listed.filter(isThere)
  return there.length === 1 && listed.length > 1 ? there[0] : undefined
}
