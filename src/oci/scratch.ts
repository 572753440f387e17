import { BallastError, bytesContent, type Digest, digestOf } from '../core/index.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../model/index.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'

/** Of the images of `scratchImages`. */
export const SCRATCH = 'scratch'

const ARCHITECTURES = ['amd64', 'arm64'] as const

/** A repository of one index, under `SCRATCH`: an image without a layer for each architecture. Nothing can be put there. */
export function scratchImages(): ImageRepository {
  const blobs = new Map<Digest, Buffer>()
  const keep = (json: object): { readonly digest: Digest; readonly size: number } => {
    const bytes = Buffer.from(JSON.stringify(json))
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { digest, size: bytes.length }
  }
  const manifests = ARCHITECTURES.map((architecture) => {
    const platform = { architecture, os: 'linux' }
    const config = keep({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [] }, history: [] })
    const head = { schemaVersion: 2, mediaType: OCI_MANIFEST }
    const manifest = keep({ ...head, config: { mediaType: OCI_CONFIG, ...config }, layers: [] })
    return { mediaType: OCI_MANIFEST, ...manifest, platform }
  })
  const index = keep({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })

  function manifestAt(digest: Digest): StoredManifest | undefined {
    const bytes = blobs.get(digest)
    const mediaType = digest === index.digest ? OCI_INDEX : OCI_MANIFEST
    return bytes && { mediaType, digest, bytes }
  }
  const refuse = async (): Promise<never> => {
    throw new BallastError('REFUSED', 'nothing can be added to the empty image')
  }
  return {
    name: SCRATCH,
    scope: SCRATCH,
    getManifest: async (reference) =>
      manifestAt(reference === SCRATCH ? index.digest : (reference as Digest)),
    openBlob: ({ digest }) => bytesContent(blobs.get(digest) ?? Buffer.alloc(0)),
    hasBlob: async ({ digest }) => blobs.has(digest),
    mountBlob: async () => false,
    listTags: async () => [SCRATCH],
    putBlob: refuse,
    putManifest: refuse,
  }
}
