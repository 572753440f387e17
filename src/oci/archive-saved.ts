import {
  BallastError,
  type CallOptions,
  type Content,
  createHasher,
  type Digest,
  digestOf,
  isDigest,
  metered,
  readAll,
  shortDigest,
} from '../core/index.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, objectOf, parseJson } from '../model/index.ts'
import { printable } from './archive-entries.ts'
import type { Extent } from './archive-file.ts'
import { damagedArchive, type OpenedArchive, readDocument, type SavedImage } from './archive-images.ts'
import { compressionOf } from './decompress.ts'
import type { StoredManifest } from './image-repository.ts'

/** A manifest for an image that was saved without one, and where the blobs that it names stand. */
export interface DescribedImage {
  readonly manifest: StoredManifest
  readonly blobs: ReadonlyMap<Digest, Extent>
}

const LARGEST_CONFIG = 8 * 1024 * 1024
const MOST_LAYERS = 1000
const LONGEST_MAGIC = 6

/**
 * The manifest of a saved image, always the same for the same files. A layer that is a plain tar has its diffID for a
 * digest, which is believed until the layer is read; a compressed one is hashed. Throws DAMAGED for files that are
 * missing, lead out of the archive or do not fit the config.
 */
export async function describeSaved(
  archive: OpenedArchive,
  image: SavedImage,
  options: CallOptions = {},
): Promise<DescribedImage> {
  const { file } = archive
  const extent = locate(archive, image.config)
  const config = await readDocument(file, { extent, name: image.config, limit: LARGEST_CONFIG }, options)
  const diffIds = objectOf(parseJson(config)?.rootfs).diff_ids ?? []
  if (!Array.isArray(diffIds) || !diffIds.every((id) => typeof id === 'string' && isDigest(id))) {
    throw damagedArchive(file, `${printable(image.config)} has no list of sha256 diff_ids`)
  }
  if (diffIds.length !== image.layers.length || diffIds.length > MOST_LAYERS) {
    throw damagedArchive(file, `an image has ${image.layers.length} layers and ${diffIds.length} diff_ids`)
  }
  const digest = digestOf(config)
  const blobs = new Map<Digest, Extent>([[digest, extent]])
  const layers = []
  for (const [at, name] of image.layers.entries()) {
    const place = locate(archive, name)
    const layer = await describeLayer(file.part(place), diffIds[at] as Digest, options)
    blobs.set(layer.digest, place)
    layers.push(layer)
  }
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest, size: config.length },
      layers,
    }),
  )
  return { manifest: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, blobs }
}

async function describeLayer(
  content: Content,
  diffId: Digest,
  options: CallOptions,
): Promise<{ readonly mediaType: string; readonly digest: Digest; readonly size: number }> {
  const { size } = content
  const head = await readAll(
    content.open({ offset: 0, length: Math.min(LONGEST_MAGIC, size) }),
    LONGEST_MAGIC,
  )
  const compression = compressionOf(head)
  if (compression === undefined) return { mediaType: OCI_LAYER, digest: diffId, size }
  if (compression !== 'gzip' && compression !== 'zstd') {
    throw new BallastError('REFUSED', `a layer compressed with ${compression} is not read`, {
      hint: 'save the image with docker save, podman save or skopeo, which leave layers uncompressed',
    })
  }
  const item = `base layer ${shortDigest(diffId)}`
  options.onProgress?.({ kind: 'start', step: 'hash', item, total: size })
  const count = (bytes: number): void =>
    options.onProgress?.({ kind: 'bytes', step: 'hash', item, count: bytes })
  const hasher = createHasher()
  for await (const chunk of metered(content.open(), count, options.signal)) hasher.update(chunk)
  const digest = hasher.digest()
  options.onProgress?.({ kind: 'done', step: 'hash', item, digest })
  return { mediaType: `${OCI_LAYER}+${compression}`, digest, size }
}

function locate({ file, entries }: OpenedArchive, name: string): Extent {
  const found = entries.find(name)
  if (found === undefined)
    throw damagedArchive(file, `it lacks ${printable(name)}, which its manifest.json names`)
  return found
}
