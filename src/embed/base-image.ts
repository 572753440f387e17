import {
  BallastError,
  type CallOptions,
  type Digest,
  metered,
  readAll,
  shortDigest,
  verified,
} from '../core/index.ts'
import { DOCKER_MANIFEST_LIST, OCI_INDEX } from '../model/index.ts'
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

/**
 * The image of one platform. Throws NOT_FOUND, DAMAGED, and REFUSED for an index that leaves it open which: the result
 * would be an image of one platform under a tag that others pull for theirs.
 */
export async function readImage(
  repository: ImageRepository,
  { reference, platform }: { readonly reference: string; readonly platform?: string | undefined },
  options: CallOptions = {},
): Promise<Image> {
  const found = await repository.getManifest(reference, options)
  if (found === undefined) throw noImage(repository, reference)
  const manifest = isIndex(found) ? await chosen(repository, { index: found, platform }, options) : found
  const image = decodeImage(manifest, await readConfig(repository, manifest, options))
  refuseOtherPlatform(repository, { image, platform })
  return image
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

async function chosen(
  repository: ImageRepository,
  { index, platform }: { readonly index: StoredManifest; readonly platform: string | undefined },
  options: CallOptions,
): Promise<StoredManifest> {
  const platforms = platformsOf(index.bytes).flatMap((image) => image.platform ?? [])
  if (platform === undefined && platforms.length > 1) {
    throw new BallastError('REFUSED', `${repository.name} is an index for ${platforms.join(', ')}`, {
      hint: 'name one with --platform, and give the result a tag of its own; embedding into all at once is not possible yet',
    })
  }
  const { digest } = selectPlatform(index.bytes, platform)
  const manifest = await repository.getManifest(digest, options)
  if (manifest === undefined) throw noImage(repository, digest)
  return manifest
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
  await store.cache.put(session, INVENTORY, { digest: layer.diffId, data: encodeInventory(inventory) })
  return inventory
}
