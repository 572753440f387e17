import { BallastError, isDigest } from '../core/index.ts'
import { type Descriptor, OCI_MANIFEST, objectOf, type Platform, parseJson } from '../model/index.ts'

/** One image of an index. `platform` as `linux/amd64` or `linux/arm/v7`, undefined where the index does not say. */
export interface PlatformImage {
  readonly descriptor: Descriptor
  readonly platform: string | undefined
}

/**
 * The images of an index or Docker manifest list, in its order, without attestations (`unknown/unknown`) and nested
 * indexes. Throws DAMAGED for anything but an index.
 */
export function platformsOf(index: Uint8Array): readonly PlatformImage[] {
  return entriesOf(index)
    .filter((entry) => !isAttestation(entry) && !isNestedIndex(entry))
    .map((descriptor) => ({ descriptor, platform: formatPlatform(descriptor.platform) }))
}

/**
 * The one image of an index, or that of the platform wanted, else of this machine's architecture under Linux.
 * Throws REFUSED, with the list of what there is, when that leaves none; DAMAGED for anything but an index.
 */
export function selectPlatform(index: Uint8Array, wanted?: string): Descriptor {
  const images = platformsOf(index)
  const [only] = images
  if (wanted === undefined && images.length === 1 && only !== undefined) return only.descriptor
  const asked = wanted ?? hostPlatform()
  const found =
    images.find((image) => image.platform === asked) ??
    images.find((image) => withoutDefault(image.platform ?? '') === withoutDefault(asked)) ??
    images.find((image) => image.platform?.startsWith(`${asked}/`))
  if (found !== undefined) return found.descriptor
  const there = images.map((image) => image.platform ?? 'one of no stated platform').join(', ')
  throw new BallastError('REFUSED', `the image is not there for ${asked}; it is for: ${there || 'none'}`, {
    hint: 'name one of these with --platform',
  })
}

/** `linux/amd64`, with the variant where there is one; undefined without a platform. */
export function formatPlatform(platform: Platform | undefined): string | undefined {
  if (platform === undefined) return undefined
  const { os, architecture, variant } = platform
  return [os, architecture, ...(variant ? [variant] : [])].join('/')
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle' }

/** Containers run under Linux, in a virtual machine where the host is something else. */
function hostPlatform(): string {
  return `linux/${GO_ARCHITECTURES[process.arch] ?? process.arch}`
}

/** arm64 is v8 and arm is v7 where nothing else is said (containerd's normalisation). */
function withoutDefault(platform: string): string {
  return platform.replace(/\/arm64\/v8$/, '/arm64').replace(/\/arm\/v7$/, '/arm')
}

/** What BuildKit says of another image of the same index. */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  if (platform?.os === 'unknown' && platform.architecture === 'unknown') return true
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
}

export function isNestedIndex({ mediaType }: Descriptor): boolean {
  return /\.index\.|manifest\.list\./.test(mediaType)
}

/** All that an index names, in its order. Throws DAMAGED for anything but an index. */
export function entriesOf(index: Uint8Array): readonly Descriptor[] {
  const manifests = parseJson(index)?.manifests
  if (!Array.isArray(manifests)) throw new BallastError('DAMAGED', 'not an image index: it has no manifests')
  return manifests.map(checkEntry)
}

function checkEntry(value: unknown): Descriptor {
  const entry = objectOf(value)
  const { digest, size, mediaType = OCI_MANIFEST, platform } = entry
  const valid = typeof digest === 'string' && isDigest(digest) && typeof size === 'number'
  if (!valid || typeof mediaType !== 'string') {
    throw new BallastError('DAMAGED', 'not an image index: a manifest without sha256 digest and size')
  }
  const { os, architecture } = objectOf(platform)
  const known = typeof os === 'string' && typeof architecture === 'string'
  const { platform: _unusable, ...rest } = entry
  return { ...(known ? entry : rest), mediaType, digest, size } as Descriptor
}
