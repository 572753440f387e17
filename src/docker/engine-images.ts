import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  digestOf,
  metered,
  readAll,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import { DOCKER_MANIFEST_LIST, OCI_INDEX } from '../model/index.ts'
import { type BlobDescriptor, blobsIn, configOf, type StoredManifest } from '../oci/index.ts'
import type { Engine } from './engine.ts'
import { decodeRemembered, encodeRemembered, type ImageMemory, type RememberedImage } from './image-memory.ts'
import { openSavedImage, type SavedImage } from './saved-image.ts'

/** No config is larger. */
export const LARGEST_CONFIG = 8 * 1024 * 1024

/** Images of an Engine by their ids, with manifests as archives have them. */
export interface EngineImages {
  /** From memory, or by having the image saved. */
  describe(id: Digest, options: CallOptions): Promise<StoredManifest>
  /** A manifest that was described or remembered, or is named by one. */
  findManifest(digest: Digest, options: CallOptions): Promise<StoredManifest | undefined>
  /** A blob of one of these. Throws NOT_FOUND once it is opened. */
  openBlob(blob: BlobDescriptor, options: CallOptions): Content
  remember(id: Digest, image: RememberedImage): Promise<void>
  /** Removes what has been saved. */
  close(): Promise<void>
}

export function createEngineImages(engine: Engine, memory: ImageMemory): EngineImages {
  const images = new Map<Digest, RememberedImage>()
  const saved = new Map<Digest, Promise<SavedImage>>()

  function save(id: Digest, options: CallOptions): Promise<SavedImage> {
    const known = saved.get(id)
    if (known !== undefined) return known
    const opened = openSavedImage(engine, id, options)
    saved.set(id, opened)
    opened.catch(() => saved.delete(id))
    return opened
  }

  async function remember(id: Digest, image: RememberedImage): Promise<void> {
    images.set(id, image)
    await memory.put(id, encodeRemembered(image))
  }

  async function describe(id: Digest, options: CallOptions): Promise<StoredManifest> {
    const known = images.get(id) ?? decodeRemembered(await memory.get(id))
    if (known !== undefined) {
      images.set(id, known)
      return known.manifest
    }
    const { archive } = await save(id, options)
    const manifest = await archive.getManifest('', options)
    if (manifest === undefined)
      throw new BallastError('REMOTE', `the Engine saved ${id} without an image in it`)
    // An index has no config of its own: whoever reads it names one of its images next.
    if (manifest.mediaType === OCI_INDEX || manifest.mediaType === DOCKER_MANIFEST_LIST) return manifest
    const config = configOf(manifest)
    const chunks = verified(archive.openBlob(config, options).open(), config, 'the config')
    await remember(id, { manifest, config: await readAll(chunks, LARGEST_CONFIG) })
    return manifest
  }

  async function findManifest(digest: Digest, options: CallOptions): Promise<StoredManifest | undefined> {
    for (const { manifest } of images.values()) if (manifest.digest === digest) return manifest
    for (const opened of saved.values()) {
      const found = await (await opened).archive.getManifest(digest, options)
      if (found !== undefined) return found
    }
    return undefined
  }

  async function find(blob: BlobDescriptor, options: CallOptions): Promise<Content | undefined> {
    for (const { config } of images.values()) {
      if (digestOf(config) === blob.digest) return bytesContent(config)
    }
    for (const [id, { manifest }] of images) {
      if (!blobsIn(manifest).some(({ digest }) => digest === blob.digest)) continue
      const { archive } = await save(id, options)
      // Until then it does not know its blobs by digest.
      await archive.getManifest('', options)
      return archive.openBlob(blob, options)
    }
    for (const opened of saved.values()) {
      const { archive } = await opened
      if (await archive.hasBlob(blob, options)) return archive.openBlob(blob, options)
    }
    return undefined
  }

  return {
    describe,
    findManifest,
    remember,
    openBlob: (blob, options) => ({
      size: blob.size,
      async *open(range) {
        throwIfAborted(options.signal)
        const content = await find(blob, options)
        if (content === undefined)
          throw new BallastError('NOT_FOUND', `blob ${blob.digest} is in no image of the Engine`)
        yield* metered(content.open(range), () => undefined, options.signal)
      },
    }),
    async close() {
      const opened = await Promise.allSettled(saved.values())
      saved.clear()
      for (const each of opened) if (each.status === 'fulfilled') await each.value.remove()
    },
  }
}
