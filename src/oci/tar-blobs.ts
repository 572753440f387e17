import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  digestOf,
  fileContent,
  metered,
  slice,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import { blobEntry, LAYOUT_MARK } from './archive-documents.ts'
import { MOST_ENTRIES } from './archive-entries.ts'
import type { Extent } from './archive-file.ts'
import { createTar, type GrowingTar } from './archive-tar.ts'
import type { BlobDescriptor, StoredManifest } from './image-repository.ts'

/** Directories, the mark of a layout and the documents at the end. */
const BESIDE_BLOBS = 8

/** An OCI image layout without blobs yet, in a tar that grows beside its place. */
export async function beginLayoutTar(place: string): Promise<GrowingTar> {
  const tar = await createTar(place)
  try {
    await tar.append('oci-layout', bytesContent(Buffer.from(LAYOUT_MARK)))
    for (const directory of ['blobs', 'blobs/sha256']) await tar.appendDirectory(directory)
    return tar
  } catch (error) {
    await tar.discard()
    throw error
  }
}

/** A blob in a tar that is growing still. */
export function partOfTar({ path }: GrowingTar, { offset, size }: Extent): Content {
  return slice(fileContent(path, offset + size), { offset, length: size })
}

/** The blobs of a tar that is being written, each once, in the order in which they are put. Calls that append must not overlap. */
export interface TarBlobs {
  has(blob: BlobDescriptor): boolean
  append(blob: BlobDescriptor, content: Content, options: CallOptions): Promise<void>
  /** Throws DAMAGED for bytes of another digest, NOT_FOUND while what it names is not there. */
  appendManifest(manifest: StoredManifest, options: CallOptions): Promise<void>
  manifest(digest: Digest): StoredManifest | undefined
  open(blob: BlobDescriptor, options: CallOptions): Content
  /** Forgets those that begin there or behind. */
  forgetFrom(offset: number): void
}

export interface TarBlobsOptions {
  /** Of the archive, for messages. */
  readonly name: string
  readonly tar: () => Promise<GrowingTar>
  readonly read: (extent: Extent) => Content
  /** What has to be there before a manifest is. */
  readonly needs: (manifest: StoredManifest) => readonly BlobDescriptor[]
}

export function createTarBlobs({ name, tar, read, needs }: TarBlobsOptions): TarBlobs {
  const blobs = new Map<Digest, Extent>()
  const manifests = new Map<Digest, StoredManifest>()
  const has = ({ digest, size }: BlobDescriptor): boolean => blobs.get(digest)?.size === size

  async function append(blob: BlobDescriptor, content: Content, options: CallOptions): Promise<void> {
    const { signal, onProgress } = options
    throwIfAborted(signal)
    const { digest, size } = blob
    const what = { step: 'copy', item: digest } as const
    if (blobs.has(digest)) {
      onProgress?.({ kind: 'skip', ...what, because: 'exists' })
      return
    }
    if (blobs.size >= MOST_ENTRIES - BESIDE_BLOBS) throw tooMuch(name, `${blobs.size} files`)
    onProgress?.({ kind: 'start', ...what, total: size })
    const count = (bytes: number): void => onProgress?.({ kind: 'bytes', ...what, count: bytes })
    const open = (): AsyncIterable<Uint8Array> => verified(metered(content.open(), count, signal), blob)
    blobs.set(digest, await (await tar()).append(blobEntry(digest), { size, open }))
    onProgress?.({ kind: 'done', ...what, digest })
  }

  return {
    has,
    append,
    async appendManifest(manifest, { signal }) {
      const { bytes, digest } = manifest
      if (digestOf(bytes) !== digest)
        throw new BallastError('DAMAGED', `these bytes are not manifest ${digest}`)
      const missing = needs(manifest).find((blob) => !has(blob))
      if (missing !== undefined)
        throw new BallastError('NOT_FOUND', `blob ${missing.digest} is not in ${name} yet`)
      await append({ digest, size: bytes.length }, bytesContent(bytes), { signal })
      manifests.set(digest, manifest)
    },
    manifest: (digest) => (blobs.has(digest) ? manifests.get(digest) : undefined),
    open: ({ digest, size }, { signal }) => ({
      size,
      async *open(range) {
        throwIfAborted(signal)
        const extent = blobs.get(digest)
        if (extent === undefined) throw new BallastError('NOT_FOUND', `blob ${digest} is not in ${name}`)
        if (extent.size !== size) {
          throw new BallastError('DAMAGED', `blob ${digest}: ${size} bytes expected, ${extent.size} found`)
        }
        yield* metered(read(extent).open(range), () => undefined, signal)
      },
    }),
    forgetFrom(end) {
      for (const [digest, { offset }] of blobs) if (offset >= end) blobs.delete(digest)
    },
  }
}

/** Nobody would read it, Ballast included. */
export function tooMuch(name: string, what: string): BallastError {
  return new BallastError(
    'REFUSED',
    `${name} would hold more than ${what}, which is too much for one archive`,
    {
      hint: 'name fewer versions, and write several archives',
    },
  )
}
