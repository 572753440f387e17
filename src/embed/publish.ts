import { BallastError, bytesContent, type CallOptions, type Digest, shortDigest } from '../core/index.ts'
import {
  type AssembledImage,
  type BlobDescriptor,
  type ImageRepository,
  type StoredManifest,
  withOtherImages,
} from '../oci/index.ts'
import type { ImagesOfReference } from './base-image.ts'
import { idOf, replaceImage } from './former-images.ts'
import { bytesSent, type ImageBlob, type Transferred, transferBlobs } from './transfer.ts'

/** An image of a repository under a tag. */
export interface ImagePlace {
  readonly repository: ImageRepository
  readonly reference: string
}

export interface ImageToPublish {
  /** The base's, by its manifest, whose place it takes in an index. */
  readonly insteadOf: Digest
  readonly image: AssembledImage
  /** Its layers, lowest first, and where their bytes are. */
  readonly layers: readonly ImageBlob[]
}

export interface Published {
  /** Of the manifest or, of several platforms, the index; in an Engine the image's id. */
  readonly digest: Digest
  /** Of all platforms; one that several have is named once. */
  readonly layers: readonly Transferred[]
  /** Of layers, configs and manifests, as far as they were sent. */
  readonly bytesSent: number
  /** The tag that the former image got, where there was one. */
  readonly former: string | undefined
  readonly warnings: readonly string[]
}

/**
 * Layers, configs, manifests, and in the end the tag: of one image, or of all that an index names, under an index that is
 * otherwise the same. Throws what `refuseIndex` does, and what the repositories throw.
 */
export async function publishImages(
  { repository, reference }: ImagePlace,
  {
    index,
    images,
  }: { readonly index: StoredManifest | undefined; readonly images: readonly ImageToPublish[] },
  options: CallOptions = {},
): Promise<Published> {
  const { whole } = repository
  for (const { image } of images) {
    const layers = image.layers.map(({ digest, size }, at) => {
      return { digest, size, diffId: image.diffIds[at] as Digest }
    })
    await whole?.begin({ manifest: image.manifest, layers }, options)
  }
  const configs = distinct(images.map(({ image }) => configBlob(image)))
  const layers = distinct(images.flatMap((image) => image.layers))
  const transferred = await transferBlobs(repository, [...layers, ...configs], options)
  const manifests = images.map(({ image }) => image.manifest)
  const made = index && withOtherImages(index, replacements(images))
  const [top = manifests[0] as StoredManifest, ...below] = made ? [made.index, ...manifests] : manifests
  for (const manifest of below) await repository.putManifest(manifest, undefined, options)
  const former = await replaceImage(repository, { tag: reference, manifest: top }, options)
  // Of a whole image that is there already, no more than the tag is set.
  const hadConfig = transferred.slice(layers.length).every(({ how }) => how !== 'sent')
  const named = hadConfig && whole ? [] : [top, ...below]
  return {
    digest: await idOf(repository, top),
    layers: transferred.slice(0, layers.length),
    former,
    bytesSent: named.reduce((sum, { bytes }) => sum + bytes.length, bytesSent(transferred)),
    warnings: made === undefined || made.attestations === 0 ? [] : [leftOut(made.attestations)],
  }
}

/** Throws REFUSED for images of several platforms where the result can only be of one. */
export function refuseIndex(
  { index, images }: ImagesOfReference,
  { base, result }: { readonly base: ImagePlace; readonly result: ImagePlace },
): void {
  if (index === undefined || result.repository.onePlatform === undefined) return
  const platforms = images.map(({ platform }) => platform)
  throw new BallastError('REFUSED', `${base.repository.name} is an index for ${platforms.join(', ')}`, {
    hint: `${result.repository.name} can only be of one platform: name it, as --platform ${platforms[0]}`,
  })
}

/** A layer of an image that is there. */
export function layerThere(
  blob: BlobDescriptor,
  { of, in: heldBy }: { readonly of: 'base' | 'model'; readonly in: ImageRepository },
  options: CallOptions,
): ImageBlob {
  const { digest, size } = blob
  const content = (): ReturnType<ImageBlob['content']> => heldBy.openBlob({ digest, size }, options)
  return { digest, size, item: `${of} layer ${shortDigest(digest)}`, heldBy, content }
}

function configBlob({ config: { digest, size, bytes } }: AssembledImage): ImageBlob {
  return { digest, size, item: 'config', heldBy: undefined, content: () => bytesContent(bytes) }
}

function distinct(blobs: readonly ImageBlob[]): readonly ImageBlob[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
}

function replacements(images: readonly ImageToPublish[]): ReadonlyMap<Digest, StoredManifest> {
  return new Map(images.map(({ insteadOf, image }) => [insteadOf, image.manifest]))
}

function leftOut(attestations: number): string {
  const what = attestations === 1 ? '1 attestation' : `${attestations} attestations`
  return `${what} of the base left out: what they say of its images is not true of the new ones`
}
