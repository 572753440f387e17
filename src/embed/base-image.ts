import {
  BallastError,
  type CallOptions,
  type Digest,
  isBallastError,
  metered,
  readAll,
  shortDigest,
  verified,
} from '../core/index.ts'
import { type Descriptor, DOCKER_MANIFEST_LIST, OCI_INDEX } from '../model/index.ts'
import {
  configOf,
  decodeImage,
  decodeInventory,
  encodeInventory,
  formatPlatform,
  type Image,
  type ImageRepository,
  type Inventory,
  platformOf,
  platformsOf,
  readInventory,
  type StoredManifest,
  selectPlatform,
} from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { noImage } from './former-images.ts'

const INVENTORY = 'inventory'
const LARGEST_CONFIG = 8 * 1024 * 1024

/** One image of those behind a reference. */
export interface ImageOfPlatform {
  /** Of its manifest. */
  readonly digest: Digest
  /** `linux/amd64` */
  readonly platform: string
  readonly image: Image
}

export interface ImagesOfReference {
  /** Where the reference leads to several platforms: the index that names them. */
  readonly index: StoredManifest | undefined
  readonly images: readonly [ImageOfPlatform, ...ImageOfPlatform[]]
}

interface Wanted {
  readonly reference: string
  readonly platform?: string | undefined
}

/**
 * The image of one platform: of an index, that of this machine's where none is named and the index has it, else its first.
 * Throws NOT_FOUND, DAMAGED, and REFUSED where there is none for the platform.
 */
export async function readImage(
  repository: ImageRepository,
  { reference, platform }: Wanted,
  options: CallOptions = {},
): Promise<Image> {
  const found = await findManifest(repository, reference, options)
  if (!isIndex(found)) return (await readOne(repository, { manifest: found, platform }, options)).image
  const descriptor = platform === undefined ? anyOf(found) : selectPlatform(found.bytes, platform)
  const manifest = await findManifest(repository, descriptor.digest, options)
  return (await readOne(repository, { manifest, platform }, options)).image
}

/** The images of every platform, or of the one that is named. Throws as `readImage` does. */
export async function readImages(
  repository: ImageRepository,
  { reference, platform }: Wanted,
  options: CallOptions = {},
): Promise<ImagesOfReference> {
  const found = await findManifest(repository, reference, options)
  const listed = isIndex(found) ? platformsOf(found.bytes).map(({ descriptor }) => descriptor) : []
  const named = isIndex(found) && platform !== undefined ? [selectPlatform(found.bytes, platform)] : listed
  const digests = new Set(named.map(({ digest }) => digest))
  const manifests = isIndex(found) ? [] : [found]
  for (const digest of digests) manifests.push(await findManifest(repository, digest, options))
  const [first, ...others] = manifests
  if (first === undefined) throw noImage(repository, reference)
  const read = (manifest: StoredManifest): Promise<ImageOfPlatform> =>
    readOne(repository, { manifest, platform }, options)
  const images: [ImageOfPlatform, ...ImageOfPlatform[]] = [await read(first)]
  for (const manifest of others) images.push(await read(manifest))
  return { index: others.length > 0 ? found : undefined, images }
}

async function findManifest(
  repository: ImageRepository,
  reference: string,
  options: CallOptions,
): Promise<StoredManifest> {
  const found = await repository.getManifest(reference, options)
  if (found === undefined) throw noImage(repository, reference)
  return found
}

async function readOne(
  repository: ImageRepository,
  { manifest, platform }: { readonly manifest: StoredManifest; readonly platform: string | undefined },
  options: CallOptions,
): Promise<ImageOfPlatform> {
  const image = decodeImage(manifest, await readConfig(repository, manifest, options))
  refuseOtherPlatform(repository, { image, platform })
  return { digest: manifest.digest, platform: formatPlatform(platformOf(image.config)) ?? '', image }
}

function anyOf(index: StoredManifest): Descriptor {
  try {
    return selectPlatform(index.bytes)
  } catch (error) {
    const [first] = platformsOf(index.bytes)
    if (first === undefined || !isBallastError(error, 'REFUSED')) throw error
    return first.descriptor
  }
}

/** An index was searched for the platform; an image alone says what it is for. */
function refuseOtherPlatform(
  repository: ImageRepository,
  { image, platform }: { readonly image: Image; readonly platform: string | undefined },
): void {
  const found = formatPlatform(platformOf(image.config)) ?? ''
  if (
    platform === undefined ||
    `${found}/`.startsWith(`${platform}/`) ||
    `${platform}/`.startsWith(`${found}/`)
  )
    return
  throw new BallastError('REFUSED', `${repository.name} is for ${found}, not for ${platform}`, {
    hint: 'leave --platform out, or name the image of that platform',
  })
}

async function readConfig(
  repository: ImageRepository,
  manifest: StoredManifest,
  options: CallOptions,
): Promise<Buffer> {
  const config = configOf(manifest)
  return readAll(verified(repository.openBlob(config, options).open(), config), LARGEST_CONFIG)
}

function isIndex({ mediaType }: StoredManifest): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST
}

/**
 * What a layer of the base holds, without its contents. Each layer is read once ever, and remembered by diffID:
 * a small base costs a moment, a large one as much as pulling it the first time.
 */
export async function readLayerInventory(
  store: Store,
  session: Session,
  {
    repository,
    layer,
  }: {
    readonly repository: ImageRepository
    readonly layer: { readonly digest: Digest; readonly size: number; readonly diffId: Digest }
  },
  options: CallOptions = {},
): Promise<Inventory> {
  const cached = await store.cache.get(INVENTORY, layer.diffId)
  const known = cached === undefined ? undefined : decodeInventory(cached)
  if (known !== undefined) return known
  const item = `base layer ${shortDigest(layer.digest)}`
  options.onProgress?.({ kind: 'start', step: 'download', item, total: layer.size })
  const chunks = metered(verified(repository.openBlob(layer, options).open(), layer, item), (count) =>
    options.onProgress?.({ kind: 'bytes', step: 'download', item, count }),
  )
  const inventory = await readInventory(chunks, { signal: options.signal, diffId: layer.diffId })
  options.onProgress?.({ kind: 'done', step: 'download', item })
  await store.cache.put(session, INVENTORY, { digest: layer.diffId, data: encodeInventory(inventory) })
  return inventory
}
