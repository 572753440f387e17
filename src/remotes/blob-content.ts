import type { Bucket, BucketObject } from '../buckets/index.ts'
import {
  BallastError,
  type ByteRange,
  type Content,
  isBallastError,
  metered,
  throwIfAborted,
} from '../core/index.ts'
import { RETRY_DELAYS, retriedContent } from '../http/index.ts'
import type { BlobDescriptor, OpenBlobOptions } from '../oci/index.ts'
import { blobKey, type RemoteLayout } from './layout.ts'

/** The bytes of a blob of a remote, not verified. Throws NOT_FOUND once it is opened, if it is missing, DAMAGED at another size. */
export function remoteBlob(
  { bucket, layout }: { readonly bucket: Bucket; readonly layout: RemoteLayout },
  blob: BlobDescriptor,
  { signal: outer, onProgress, once = false }: OpenBlobOptions = {},
): Content {
  let found: Promise<BucketObject> | undefined

  async function* read(
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<Uint8Array> {
    throwIfAborted(signal)
    found ??= find()
    try {
      yield* bucket.open(await found).open(range, signal)
    } catch (error) {
      // Whoever else has written the blob has written the same bytes.
      found = undefined
      throw isBallastError(error, 'REFUSED') ? writtenAnew(error) : error
    }
  }

  async function find(): Promise<BucketObject> {
    const object = await bucket.head(blobKey(layout, blob.digest))
    if (object === undefined)
      throw new BallastError('NOT_FOUND', `${bucket.address} has no blob ${blob.digest}`)
    if (object.size === blob.size) return object
    throw new BallastError(
      'DAMAGED',
      `${bucket.address} has blob ${blob.digest} with ${object.size} bytes where ${blob.size} are expected`,
      {
        hint: 'push a version that holds it again, once that object is removed',
      },
    )
  }

  const unsure: Content = { size: blob.size, open: read }
  const sure = once ? unsure : retriedContent(unsure, { delays: RETRY_DELAYS })
  const item = blob.digest
  return {
    size: blob.size,
    async *open(range, signal) {
      const either = signal && outer ? AbortSignal.any([signal, outer]) : (signal ?? outer)
      onProgress?.({ kind: 'start', step: 'download', item, total: range?.length ?? blob.size })
      const counted = (count: number): void => onProgress?.({ kind: 'bytes', step: 'download', item, count })
      yield* metered(sure.open(range, either), counted, either)
      onProgress?.({ kind: 'done', step: 'download', item, digest: blob.digest })
    },
  }
}

function writtenAnew(cause: BallastError): BallastError {
  return new BallastError('REMOTE', cause.message, { cause, retryable: true })
}
