import {
  type CallOptions,
  type Content,
  type Digest,
  forEachLimited,
  metered,
  verified,
} from '../core/index.ts'
import type { BlobDescriptor, ImageRepository } from '../oci/index.ts'

/** A blob that the image needs, and where its bytes are if they have to be sent. */
export interface ImageBlob extends BlobDescriptor {
  /** For progress. */
  readonly item: string
  readonly content: () => Content
  /** A repository that holds it, from which it may be mounted. */
  readonly heldBy: ImageRepository | undefined
}

export interface Transferred {
  readonly digest: Digest
  readonly size: number
  readonly how: 'exists' | 'mounted' | 'sent'
}

const UPLOADS_AT_ONCE = 3

/** Brings every blob into the repository: those that are there are left, others mounted, and the rest sent. In the order given. */
export async function transferBlobs(
  target: ImageRepository,
  blobs: readonly ImageBlob[],
  options: CallOptions = {},
): Promise<readonly Transferred[]> {
  const results = new Map<Digest, Transferred>()
  const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
  const bring = async (blob: ImageBlob, signal: AbortSignal): Promise<void> => {
    const how = await transfer(target, blob, { ...options, signal })
    results.set(blob.digest, { digest: blob.digest, size: blob.size, how })
  }
  await forEachLimited(distinct, UPLOADS_AT_ONCE, bring, options.signal)
  return blobs.map((blob) => results.get(blob.digest) as Transferred)
}

async function transfer(
  target: ImageRepository,
  blob: ImageBlob,
  options: CallOptions,
): Promise<Transferred['how']> {
  const { item } = blob
  if (await target.hasBlob(blob, options)) {
    options.onProgress?.({ kind: 'skip', step: 'upload', item, because: 'exists' })
    return 'exists'
  }
  if (blob.heldBy?.scope === target.scope && (await target.mountBlob(blob, blob.heldBy, options))) {
    options.onProgress?.({ kind: 'skip', step: 'upload', item, because: 'mounted' })
    return 'mounted'
  }
  options.onProgress?.({ kind: 'start', step: 'upload', item, total: blob.size })
  await target.putBlob(blob, watched(blob, options), { signal: options.signal })
  options.onProgress?.({ kind: 'done', step: 'upload', item, digest: blob.digest })
  return 'sent'
}

/** The blob's content, counted while it is read and never passed on when its bytes are wrong. */
function watched(blob: ImageBlob, { onProgress, signal }: CallOptions): Content {
  return {
    size: blob.size,
    open(range) {
      const content = blob.content()
      const count = (bytes: number): void =>
        onProgress?.({ kind: 'bytes', step: 'upload', item: blob.item, count: bytes })
      const chunks = range === undefined ? verified(content.open(), blob, blob.item) : content.open(range)
      return metered(chunks, count, signal)
    },
  }
}
