import {
  type Content,
  createHasher,
  type Digest,
  forEachLimited,
  refuseOther,
  throwIfAborted,
} from '../core/index.ts'
import type { Bandwidth } from '../http/index.ts'
import type { UploadOptions } from './bucket.ts'

/** Content of up to this size is written by one request. */
const PART_SIZE = 16 * 1024 * 1024
/** S3 and Azure take 10,000 and 50,000. */
const MOST_PARTS = 9_000
/** With one that is being read, at most so many parts are in memory. */
const AT_ONCE = 4

/** How a server takes an object in parts. */
export interface PartSink {
  /** All of it by one request. */
  whole(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void>
  begin(signal: AbortSignal | undefined): Promise<PartUpload>
  /** Of what the library sends by its own means. */
  readonly bandwidth?: Bandwidth | undefined
}

export interface PartUpload {
  /** `index` counts from 0. In any order, several at once. */
  part(index: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Makes the object visible. */
  complete(signal: AbortSignal | undefined): Promise<void>
  /** Leaves nothing. */
  abandon(): Promise<void>
}

/**
 * Reads the content once, from its beginning to its end, and sends it in parts, several at once. What was sent becomes
 * visible only once all of it has the digest. Throws DAMAGED, what `content` and `sink` throw, and INTERRUPTED.
 */
export async function sendInParts(
  content: Content,
  sink: PartSink,
  { digest, item, signal, onProgress }: UploadOptions,
): Promise<void> {
  throwIfAborted(signal)
  onProgress?.({ kind: 'start', step: 'upload', item, total: content.size })
  const parts = partsOf(content, { digest, item })
  const sent = (bytes: Uint8Array): void =>
    onProgress?.({ kind: 'bytes', step: 'upload', item, count: bytes.length })
  if (content.size <= PART_SIZE) {
    for await (const bytes of parts) {
      throwIfAborted(signal)
      await sink.bandwidth?.take(bytes.length, signal)
      await sink.whole(bytes, signal)
      sent(bytes)
    }
  } else {
    await sendParts(parts, await sink.begin(signal), { sent, bandwidth: sink.bandwidth, signal })
  }
  onProgress?.({ kind: 'done', step: 'upload', item, digest })
}

interface Sending {
  readonly sent: (bytes: Uint8Array) => void
  readonly bandwidth: Bandwidth | undefined
  readonly signal: AbortSignal | undefined
}

async function sendParts(
  parts: AsyncGenerator<Uint8Array>,
  upload: PartUpload,
  { sent, bandwidth, signal }: Sending,
): Promise<void> {
  let next = 0
  const lane = async (_: number, stop: AbortSignal): Promise<void> => {
    for (;;) {
      throwIfAborted(stop)
      // A generator answers in the order in which it is asked, so the numbers go with the parts.
      const index = next++
      const { done, value } = await parts.next()
      if (done === true) return
      await bandwidth?.take(value.length, stop)
      await upload.part(index, value, stop)
      sent(value)
    }
  }
  try {
    await forEachLimited([...Array(AT_ONCE).keys()], AT_ONCE, lane, signal)
    throwIfAborted(signal)
    await upload.complete(signal)
  } catch (error) {
    await upload.abandon()
    throwIfAborted(signal)
    throw error
  } finally {
    await parts.return(undefined)
  }
}

/** Throws instead of ending, and keeps the last part back, where length or digest are not what they should be. */
async function* partsOf(
  content: Content,
  { digest, item }: { readonly digest: Digest; readonly item: string },
): AsyncGenerator<Uint8Array> {
  const length = Math.max(PART_SIZE, Math.ceil(content.size / MOST_PARTS))
  const hasher = createHasher()
  let size = 0
  let buffer = Buffer.allocUnsafe(Math.min(length, content.size))
  let filled = 0
  for await (const chunk of content.open()) {
    size += chunk.length
    if (size > content.size) break
    hasher.update(chunk)
    for (let at = 0; at < chunk.length; ) {
      if (filled === buffer.length) {
        yield buffer
        buffer = Buffer.allocUnsafe(Math.min(length, content.size - (size - chunk.length + at)))
        filled = 0
      }
      const taken = chunk.subarray(at, at + buffer.length - filled)
      buffer.set(taken, filled)
      filled += taken.length
      at += taken.length
    }
  }
  refuseOther({ size, digest: hasher.digest() }, { size: content.size, digest }, item)
  yield buffer
}
