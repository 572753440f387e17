import { dirname } from 'node:path'
import { BallastError, type Content, createQueue, isDigest, removeAbandonedFiles } from '../core/index.ts'
import { isTag } from '../model/index.ts'
import { blobsIn, encodeArchiveIndex, encodeSavedManifest } from './archive-documents.ts'
import { type ArchiveFile, type Extent, explained, openArchiveFile } from './archive-file.ts'
import { parseImageName } from './archive-names.ts'
import { archivePlace } from './archive-place.ts'
import { createTar, type GrowingTar } from './archive-tar.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'
import { beginLayoutTar, createTarBlobs, partOfTar } from './tar-blobs.ts'

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
  const blobs = createTarBlobs({ name, tar, read: stored, needs: blobsIn })
  const tags = new Map<string, StoredManifest>()
  const inTurn = createQueue()
  let growing: GrowingTar | undefined
  let published: Published | undefined

  async function tar(): Promise<GrowingTar> {
    growing ??= await beginTar(place, published)
    return growing
  }

  async function putManifest(manifest: StoredManifest, put: PutOptions): Promise<void> {
    const { tag, signal } = put
    if (tag !== undefined && !isTag(tag) && parseImageName(tag) === undefined) {
      throw new BallastError('USAGE', `not a name for an image: ${JSON.stringify(tag)}`)
    }
    await blobs.appendManifest(manifest, { signal })
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
    if (growing !== undefined) return partOfTar(growing, extent)
    if (published !== undefined) return published.file.part(extent)
    throw new BallastError('NOT_FOUND', `${name} has been given up`)
  }

  return {
    name,
    scope: `archive being written:${place}`,
    onePlatform: true,
    getManifest: (reference, options = {}) =>
      explained(options, async () => (isDigest(reference) ? blobs.manifest(reference) : tags.get(reference))),
    openBlob: (blob, options = {}) => blobs.open(blob, options),
    // Answered from memory, so that of several puts that begin at once the order is always the same.
    hasBlob: (blob, options = {}) => explained(options, async () => blobs.has(blob)),
    mountBlob: (_blob, _from, options = {}) => explained(options, async () => false),
    putBlob: (blob, content, options = {}) =>
      explained(options, () => inTurn(() => blobs.append(blob, content, options))),
    putManifest: (manifest, tag, options = {}) =>
      explained(options, () => inTurn(() => putManifest(manifest, { tag, signal: options.signal }))),
    listTags: (options = {}) => explained(options, async () => [...tags.keys()].sort()),
    close: () =>
      explained({}, () =>
        inTurn(async () => {
          await growing?.discard()
          growing = undefined
          blobs.forgetFrom(published?.length ?? 0)
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
  return published === undefined
    ? beginLayoutTar(place)
    : createTar(place, published.file.part({ offset: 0, size: published.length }))
}

interface PutOptions {
  readonly tag: string | undefined
  readonly signal: AbortSignal | undefined
}
