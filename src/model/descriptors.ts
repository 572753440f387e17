import { type AnyDigest, BallastError, type Digest, isAnyDigest, isDigest } from '../core/index.ts'
import { arrayOf, parseJson } from './json.ts'

/**
 * In bytes. Registries accept manifests of at least 4 MiB (distribution-spec, "Pushing Manifests"), and `gc` follows
 * none that are larger, so none may be written or read.
 */
export const LARGEST_MANIFEST = 4 * 1024 * 1024

/** A content descriptor (OCI image-spec, descriptor.md). `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  readonly platform?: Platform
}

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

/** A descriptor whose digest may be of any registered algorithm. */
export type ForeignDescriptor = Omit<Descriptor, 'digest'> & { readonly digest: AnyDigest }

/** The descriptors that an OCI manifest or index of any client refers to: config, layers, manifests. Throws DAMAGED. */
export function referencesOf(manifest: Uint8Array): readonly ForeignDescriptor[] {
  const parsed = parseJson(manifest)
  if (parsed === undefined) throw new BallastError('DAMAGED', 'not a manifest: it is not JSON')
  const children = [parsed.config, ...arrayOf(parsed.layers), ...arrayOf(parsed.manifests)].filter(
    (child) => child !== undefined && child !== null,
  )
  return children.map((child) => {
    const { digest, size } = child as Partial<ForeignDescriptor>
    if (typeof digest === 'string' && isAnyDigest(digest) && typeof size === 'number')
      return child as ForeignDescriptor
    throw new BallastError('DAMAGED', 'not a manifest: a descriptor without sha256 digest and size')
  })
}

/** The descriptors that an OCI manifest or index refers to: config, layers, manifests. Throws DAMAGED. */
export function childrenOf(manifest: Uint8Array): readonly Descriptor[] {
  return referencesOf(manifest).map((child) => {
    const { digest } = child
    if (isDigest(digest)) return { ...child, digest }
    throw new BallastError('DAMAGED', 'not a manifest: a descriptor without sha256 digest and size')
  })
}

/**
 * The children that keep a blob alive, of any blob: none for what is no manifest. Whatever is read as a manifest
 * anywhere has to be followed here, or `gc` would remove what it refers to.
 */
export function followedFrom(blob: Uint8Array): readonly ForeignDescriptor[] {
  if (blob.length > LARGEST_MANIFEST || parseJson(blob)?.schemaVersion !== 2) return []
  try {
    return referencesOf(blob)
  } catch {
    return []
  }
}
