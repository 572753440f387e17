import { BallastError, type CallOptions, type Content, type Digest, metered } from '../core/index.ts'
import type { BlobDescriptor, BlobUpload, ImageRepository } from '../oci/index.ts'
import { findThere } from './find-there.ts'

/** In bytes. What is smaller is hashed before a registry has answered. */
const WORTH_WHILE = 64 * 1024 * 1024
const AT_ONCE = 2

/** A layer that began to be sent before its digest was known. */
export interface EarlyUpload extends Pick<BlobUpload, 'finish'> {
  /** What was found under the digest: then the upload is given up. Undefined: it goes on. */
  readonly found: ReturnType<typeof findThere>
  /** Tells how many bytes were sent so far, at once, and then each further chunk. */
  watch(onBytes: (count: number) => void): void
}

/** Layers that are sent while they are hashed. What was not finished is given up at the end. */
export interface EarlyUploads extends AsyncDisposable {
  /** Undefined where it is not worth while, or not possible. `settle` is told the digest once it is known. */
  begin(content: Content): { settle(blob: BlobDescriptor): void } | undefined
  of(digest: Digest): EarlyUpload | undefined
}

/**
 * Nothing more is begun once a registry has not taken one, or has had one: then it will not take the next either, or this
 * store is new and the model is not.
 */
export function createEarlyUploads(
  target: ImageRepository,
  { from }: { readonly from: ImageRepository },
  { signal }: CallOptions = {},
): EarlyUploads {
  const stop = new AbortController()
  const options = { signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]) }
  const begun: BlobUpload[] = []
  const searches: Promise<unknown>[] = []
  const settled = new Map<Digest, EarlyUpload>()
  let running = 0
  let promising = target.beginBlob !== undefined

  return {
    begin(content) {
      if (!promising || running >= AT_ONCE || content.size < WORTH_WHILE) return undefined
      const counted = countedContent(content)
      const upload = target.beginBlob?.(counted.content, options)
      if (upload === undefined) return undefined
      begun.push(upload)
      running++
      void upload.sent.then((arrived) => {
        running--
        promising &&= arrived
      })
      const search = async (blob: BlobDescriptor): ReturnType<typeof findThere> => {
        const there = await findThere(target, { blob, from }, options)
        if (there === undefined) return undefined
        promising = false
        await upload.cancel()
        return there
      }
      return {
        settle(blob) {
          const found = search(blob)
          searches.push(found)
          // Who waits for it may never come.
          found.catch(() => undefined)
          settled.set(blob.digest, { found, watch: counted.watch, finish: upload.finish })
        },
      }
    },
    of: (digest) => settled.get(digest),
    async [Symbol.asyncDispose]() {
      stop.abort(new BallastError('INTERRUPTED', 'the upload is not needed'))
      await Promise.all(begun.map((upload) => upload.cancel()))
      await Promise.allSettled(searches)
    },
  }
}

function countedContent(content: Content): {
  readonly content: Content
  readonly watch: EarlyUpload['watch']
} {
  let sent = 0
  let onBytes: ((count: number) => void) | undefined
  const count = (bytes: number): void => {
    sent += bytes
    onBytes?.(bytes)
  }
  return {
    content: { size: content.size, open: () => metered(content.open(), count) },
    watch(listener) {
      onBytes = listener
      listener(sent)
    },
  }
}
