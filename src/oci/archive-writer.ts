import { dirname } from 'node:path'
import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  createQueue,
  type Digest,
  digestOf,
  fileContent,
  isDigest,
  metered,
  removeAbandonedFiles,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import { isTag } from '../model/index.ts'
import {
  blobEntry,
  blobsIn,
  encodeArchiveIndex,
  encodeSavedManifest,
  LAYOUT_MARK,
} from './archive-documents.ts'
import { type ArchiveFile, type Extent, explained, openArchiveFile } from './archive-file.ts'
import { parseImageName } from './archive-names.ts'
import { archivePlace } from './archive-place.ts'
import { createTar, type GrowingTar } from './archive-tar.ts'
import type { BlobDescriptor, ImageRepository, StoredManifest } from './image-repository.ts'

/**
 * A new archive that takes the place of a former one at `path`, former images included, with the first manifest that is
 * put under a tag: whole, or not at all. It is an OCI layout and what `docker load` reads, in one tar. A tag is
 * `NAME:TAG`, or a mere tag, by which no Engine can call the image.
 *
 * Blobs are written once, in the order in which they are put, into a file beside the archive; `close` removes it where
 * nothing came of it. So the same blobs put in the same order give the same bytes. Throws what `archivePlace` throws.
 */
export async function createArchive(path: string): Promise<ImageRepository> {
  return explained({}, async () => {
    const place = await archivePlace(path)
    await removeAbandonedFiles(dirname(place))
    return archiveAt(place, `archive:${path}`)
  })
}

function archiveAt(place: string, name: string): ImageRepository {
  const blobs = new Map<Digest, Extent>()
  const manifests = new Map<Digest, StoredManifest>()
  const tags = new Map<string, StoredManifest>()
  const inTurn = createQueue()
  let growing: GrowingTar | undefined
  let published: Published | undefined

  async function tar(): Promise<GrowingTar> {
    growing ??= await beginTar(place, published)
    return growing
  }

  async function append(blob: BlobDescriptor, content: Content, options: CallOptions): Promise<void> {
    const { signal, onProgress } = options
    throwIfAborted(signal)
    const item = blob.digest
    if (blobs.has(blob.digest)) {
      onProgress?.({ kind: 'skip', step: 'copy', item, because: 'exists' })
      return
    }
    onProgress?.({ kind: 'start', step: 'copy', item, total: blob.size })
    const count = (bytes: number): void => onProgress?.({ kind: 'bytes', step: 'copy', item, count: bytes })
    const open = (): AsyncIterable<Uint8Array> => verified(metered(content.open(), count, signal), blob)
    blobs.set(blob.digest, await (await tar()).append(blobEntry(blob.digest), { size: blob.size, open }))
    onProgress?.({ kind: 'done', step: 'copy', item, digest: blob.digest })
  }

  async function putManifest(manifest: StoredManifest, put: PutOptions): Promise<void> {
    const { bytes, digest } = manifest
    const { tag, signal } = put
    if (digestOf(bytes) !== digest)
      throw new BallastError('DAMAGED', `these bytes are not manifest ${digest}`)
    if (tag !== undefined && !isTag(tag) && parseImageName(tag) === undefined) {
      throw new BallastError('USAGE', `not a name for an image: ${JSON.stringify(tag)}`)
    }
    const missing = blobsIn(manifest).find((blob) => blobs.get(blob.digest)?.size !== blob.size)
    if (missing !== undefined)
      throw new BallastError('NOT_FOUND', `blob ${missing.digest} is not in ${name} yet`)
    await append({ digest, size: bytes.length }, bytesContent(bytes), { signal })
    manifests.set(digest, manifest)
    if (tag !== undefined) await publish(new Map([...tags, [tag, manifest]]))
  }

  async function publish(next: ReadonlyMap<string, StoredManifest>): Promise<void> {
    const images = [...next]
      .map(([tag, manifest]) => ({ tag, manifest }))
      .sort((a, b) => (a.tag < b.tag ? -1 : 1))
    const whole = await tar()
    await whole.finish(place, [
      ['index.json', encodeArchiveIndex(images)],
      ['manifest.json', encodeSavedManifest(images)],
    ])
    growing = undefined
    published = { file: await openArchiveFile(place), length: whole.length() }
    for (const { tag, manifest } of images) tags.set(tag, manifest)
  }

  function stored(extent: Extent): Content {
    if (growing !== undefined) return partOfFile(growing.path, extent)
    if (published !== undefined) return published.file.part(extent)
    throw new BallastError('NOT_FOUND', `${name} has been given up`)
  }

  function openBlob(blob: BlobDescriptor, { signal }: CallOptions): Content {
    return {
      size: blob.size,
      async *open(range) {
        throwIfAborted(signal)
        const extent = blobs.get(blob.digest)
        if (extent === undefined) throw new BallastError('NOT_FOUND', `blob ${blob.digest} is not in ${name}`)
        if (extent.size !== blob.size) {
          throw new BallastError(
            'DAMAGED',
            `blob ${blob.digest}: ${blob.size} bytes expected, ${extent.size} found`,
          )
        }
        yield* metered(stored(extent).open(range), () => undefined, signal)
      },
    }
  }

  function heldManifest(digest: Digest): StoredManifest | undefined {
    return blobs.has(digest) ? manifests.get(digest) : undefined
  }

  return {
    name,
    scope: `archive being written:${place}`,
    onePlatform: true,
    getManifest: (reference, options = {}) =>
      explained(options, async () => (isDigest(reference) ? heldManifest(reference) : tags.get(reference))),
    openBlob: (blob, options = {}) => openBlob(blob, options),
    // Answered from memory, so that of several puts that begin at once the order is always the same.
    hasBlob: (blob, options = {}) =>
      explained(options, async () => blobs.get(blob.digest)?.size === blob.size),
    mountBlob: (_blob, _from, options = {}) => explained(options, async () => false),
    putBlob: (blob, content, options = {}) =>
      explained(options, () => inTurn(() => append(blob, content, options))),
    putManifest: (manifest, tag, options = {}) =>
      explained(options, () => inTurn(() => putManifest(manifest, { tag, signal: options.signal }))),
    listTags: (options = {}) => explained(options, async () => [...tags.keys()].sort()),
    close: () =>
      explained({}, () =>
        inTurn(async () => {
          await growing?.discard()
          growing = undefined
          for (const [digest, { offset }] of blobs) {
            if (offset >= (published?.length ?? 0)) blobs.delete(digest)
          }
        }),
      ),
  }
}

interface Published {
  readonly file: ArchiveFile
  /** Up to where it holds blobs, in bytes. */
  readonly length: number
}

/** With the blobs of what has been published, which itself is never written to again: somebody may be reading it. */
async function beginTar(place: string, published: Published | undefined): Promise<GrowingTar> {
  if (published !== undefined) {
    return createTar(place, published.file.part({ offset: 0, size: published.length }))
  }
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

function partOfFile(path: string, { offset, size }: Extent): Content {
  const file = fileContent(path, offset + size)
  return {
    size,
    open: (range = { offset: 0, length: size }) =>
      file.open({ offset: offset + range.offset, length: range.length }),
  }
}

interface PutOptions {
  readonly tag: string | undefined
  readonly signal: AbortSignal | undefined
}
