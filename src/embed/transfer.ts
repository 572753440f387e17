import {
  BallastError,
  type CallOptions,
  type Content,
  type Digest,
  forEachLimited,
  metered,
  verified,
} from '../core/index.ts'
import { totalSize } from '../model/index.ts'
import type { BlobDescriptor, ImageRepository } from '../oci/index.ts'
import type { EarlyUpload } from './early-uploads.ts'
import { findThere } from './find-there.ts'

/** A blob that the image needs, and where its bytes are if they have to be sent. */
export interface ImageBlob extends BlobDescriptor {
  /** For progress. */
  readonly item: string
  readonly content: () => Content
  /** A repository that holds it, from which it may be mounted. */
  readonly heldBy: ImageRepository | undefined
  /** Where it is being sent already. */
  readonly early?: EarlyUpload | undefined
}

export interface Transferred {
  readonly digest: Digest
  readonly size: number
  readonly how: 'exists' | 'mounted' | 'sent'
}

/** In bytes. */
export function bytesSent(blobs: readonly Transferred[]): number {
  return totalSize(blobs.filter(({ how }) => how === 'sent'))
}

const SEARCHES_AT_ONCE = 8
const UPLOADS_AT_ONCE = 3

/**
 * Brings every blob into the repository: those that are there are left, others mounted, and the rest sent once it is known
 * of all. In the order given, except that what is being sent already comes first.
 */
export async function transferBlobs(
  target: ImageRepository,
  blobs: readonly ImageBlob[],
  options: CallOptions = {},
): Promise<readonly Transferred[]> {
  const distinct = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
  refuseTooLarge(target, distinct)
  // What is on its way already counts among the uploads at once.
  const ordered = distinct.toSorted((a, b) => Number(b.early !== undefined) - Number(a.early !== undefined))
  const found = new Map<Digest, 'exists' | 'mounted'>()
  const search = async (blob: ImageBlob, signal: AbortSignal): Promise<void> => {
    const call = { ...options, signal }
    const there = await (blob.early?.found ?? findThere(target, { blob, from: blob.heldBy }, call))
    if (there === undefined) return
    found.set(blob.digest, there)
    options.onProgress?.({ kind: 'skip', step: 'upload', item: blob.item, because: there })
  }
  await forEachLimited(ordered, SEARCHES_AT_ONCE, search, options.signal)
  const missing = ordered.filter(({ digest }) => !found.has(digest))
  for (const { item, size } of missing)
    options.onProgress?.({ kind: 'plan', step: 'upload', item, total: size })
  const send = (blob: ImageBlob, signal: AbortSignal): Promise<void> =>
    sendBlob(target, blob, { ...options, signal })
  await forEachLimited(missing, UPLOADS_AT_ONCE, send, options.signal)
  return blobs.map(({ digest, size }) => ({ digest, size, how: found.get(digest) ?? 'sent' }))
}

/** Before anything is sent. */
function refuseTooLarge({ name, largestBlob }: ImageRepository, blobs: readonly ImageBlob[]): void {
  const found = blobs.find(({ size }) => size > (largestBlob ?? size))
  if (found === undefined) return
  throw new BallastError(
    'REFUSED',
    `${name} takes nothing larger than ${largestBlob} bytes, and ${found.item} has ${found.size}`,
    {
      hint: 'save the model in several smaller files, or use another registry',
    },
  )
}

async function sendBlob(target: ImageRepository, blob: ImageBlob, options: CallOptions): Promise<void> {
  const { item, early } = blob
  if (early === undefined || !(await finishEarly(target, { blob, early }, options))) {
    options.onProgress?.({ kind: 'start', step: 'upload', item, total: blob.size })
    const content = watched(blob, { isVerified: target.whole === undefined }, options)
    await target.putBlob(blob, content, { signal: options.signal })
  }
  options.onProgress?.({ kind: 'done', step: 'upload', item, digest: blob.digest })
}

/** False where the blob has to be sent anew. */
async function finishEarly(
  target: ImageRepository,
  { blob, early }: { readonly blob: ImageBlob; readonly early: EarlyUpload },
  { onProgress, signal }: CallOptions,
): Promise<boolean> {
  const { item, size } = blob
  onProgress?.({ kind: 'start', step: 'upload', item, total: size })
  early.watch((count) => onProgress?.({ kind: 'bytes', step: 'upload', item, count }))
  if (await early.finish(blob, { signal })) return true
  // The answer may have been lost, and nothing else.
  return target.hasBlob(blob, { signal })
}

/** The blob's content, counted while it is read and, verified, never passed on when its bytes are wrong. */
function watched(
  blob: ImageBlob,
  { isVerified }: { readonly isVerified: boolean },
  { onProgress, signal }: CallOptions,
): Content {
  return {
    size: blob.size,
    open(range) {
      const content = blob.content()
      const count = (bytes: number): void =>
        onProgress?.({ kind: 'bytes', step: 'upload', item: blob.item, count: bytes })
      const chunks =
        range === undefined && isVerified ? verified(content.open(), blob, blob.item) : content.open(range)
      return metered(chunks, count, signal)
    },
  }
}
