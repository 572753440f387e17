import {
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
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import {
  type BlobDescriptor,
  blobEntry,
  configOf,
  encodeArchiveIndex,
  encodeSavedManifest,
  type ImageLayer,
  LAYOUT_MARK,
  type StoredManifest,
} from '../oci/index.ts'
import type { Engine } from './engine.ts'
import { LARGEST_CONFIG } from './engine-images.ts'
import { presentLayers } from './engine-layers.ts'
import type { RememberedImage } from './image-memory.ts'
import { inspectImage } from './images.ts'
import { beginLoad, type LoadStream } from './load-stream.ts'

/** Brings one image after the other into an Engine. Calls must not overlap. */
export interface EngineWriter {
  /** Finds out what the Engine has of the image. */
  begin(
    image: { readonly manifest: StoredManifest; readonly layers: readonly ImageLayer[] },
    options: CallOptions,
  ): Promise<void>
  /** Whether the Engine has it where the image has it, or has been sent it. */
  has(blob: BlobDescriptor): boolean
  put(blob: BlobDescriptor, content: Content, options: CallOptions): Promise<void>
  /** Sends a layer whose digest is not known yet. Its entry in the archive; undefined where entries have to be named by digest. */
  putUnknown(content: Content, options: CallOptions): Promise<string | undefined>
  /** Says which layer an entry is. */
  settle(entry: string, blob: BlobDescriptor): void
  /** Ends what has been sent with this image; false when nothing has been, because the Engine has all of it. */
  finish(manifest: StoredManifest, tag: string): Promise<boolean>
  /** As the Engine would save the image that was finished; undefined where that is not known. */
  finished(): RememberedImage | undefined
  abort(): Promise<void>
}

export function createEngineWriter(engine: Engine, nameIn: () => Promise<string>): EngineWriter {
  let layers: readonly ImageLayer[] = []
  let present: ReadonlySet<Digest> = new Set()
  let loading: LoadStream | undefined
  let last: RememberedImage | undefined
  let isThere = false
  let unknown = 0
  /** What has been sent, and as what. */
  const sent = new Map<Digest, string>()
  const configs = new Map<Digest, Buffer>()

  function has({ digest }: BlobDescriptor): boolean {
    return sent.has(digest) || present.has(digest)
  }

  return {
    has,
    async begin(image, options) {
      layers = image.layers
      const id = await idOfManifest(engine, image.manifest)
      isThere = (await inspectImage(engine, id, options)) !== undefined
      if (isThere) {
        const config = configOf(image.manifest).digest
        present = new Set([config, ...layers.map(({ digest }) => digest)])
        return
      }
      const count = (await isThin(engine))
        ? await presentLayers(engine, { layers, name: await nameIn() }, options)
        : 0
      // A layer that lies further up once more has to be in the archive for that.
      const above = new Set(layers.slice(count).map(({ digest }) => digest))
      present = new Set(layers.slice(0, count).flatMap(({ digest }) => (above.has(digest) ? [] : digest)))
    },
    async put(blob, content, options) {
      throwIfAborted(options.signal)
      if (has(blob)) return
      loading ??= beginLoad(engine, options)
      const open = (): AsyncIterable<Uint8Array> => metered(content.open(), () => undefined, options.signal)
      if (layers.some(({ digest }) => digest === blob.digest)) {
        const chunks = (await isThin(engine)) ? open : () => verified(open(), blob)
        await loading.append(blobEntry(blob.digest), { size: blob.size, open: chunks })
      } else {
        const bytes = await readAll(verified(open(), blob), LARGEST_CONFIG)
        await loading.append(blobEntry(blob.digest), bytesContent(bytes))
        configs.set(blob.digest, bytes)
      }
      sent.set(blob.digest, blobEntry(blob.digest))
    },
    async putUnknown(content, options) {
      throwIfAborted(options.signal)
      if (!(await isThin(engine))) return undefined
      loading ??= beginLoad(engine, options)
      const open = (): AsyncIterable<Uint8Array> => metered(content.open(), () => undefined, options.signal)
      const entry = `layer-${++unknown}.tar`
      await loading.append(entry, { size: content.size, open })
      return entry
    },
    settle: (entry, { digest }) => void sent.set(digest, entry),
    async finish(manifest, tag) {
      if (loading === undefined) return false
      const stream = loading
      loading = undefined
      const entries = new Map(sent)
      sent.clear()
      if (isThere) {
        await stream.abort()
        return false
      }
      const images = [{ tag: `${await nameIn()}:${tag}`, manifest }]
      const entryOf = (digest: Digest): string => entries.get(digest) ?? blobEntry(digest)
      const asSaved = ['manifest.json', encodeSavedManifest(images, entryOf)] as const
      const isLayout = await hasContainerdStore(engine)
      if (isLayout) {
        await stream.append(blobEntry(manifest.digest), bytesContent(manifest.bytes))
        await stream.finish([
          ['oci-layout', LAYOUT_MARK],
          ['index.json', encodeArchiveIndex(images)],
          asSaved,
        ])
      } else {
        // A layout would promise the layers that are left out, and Podman would drop its HEALTHCHECK.
        await stream.finish([asSaved])
      }
      const config = configs.get(configOf(manifest).digest)
      const plain = isLayout ? manifest : plainManifest(manifest, layers)
      last = config && plain && { manifest: plain, config }
      return true
    },
    finished: () => last,
    async abort() {
      await loading?.abort()
      loading = undefined
      sent.clear()
    },
  }
}

/** What the Engine calls the image: of a graph driver and of Podman that is the digest of its config. */
export async function idOfManifest(engine: Engine, manifest: StoredManifest): Promise<Digest> {
  return (await hasContainerdStore(engine)) ? manifest.digest : configOf(manifest).digest
}

async function hasContainerdStore(engine: Engine): Promise<boolean> {
  return (await engine.info()).imageStore === 'containerd'
}

/**
 * Whether an archive may leave out layers that are there: Podman reads every one, and containerd wants their blobs. Such
 * an Engine finds layers by whatever names the archive gives them, and takes none whose bytes are not those of its diffID.
 */
async function isThin(engine: Engine): Promise<boolean> {
  const { kind, imageStore } = await engine.info()
  return kind === 'docker' && imageStore === 'graph-driver'
}

/** A graph driver keeps layers uncompressed; what size one has then that was sent compressed is not known here. */
function plainManifest(manifest: StoredManifest, layers: readonly ImageLayer[]): StoredManifest | undefined {
  if (layers.some(({ digest, diffId }) => digest !== diffId)) return undefined
  const { digest, size } = configOf(manifest)
  const json = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest, size },
    layers: layers.map((layer) => ({ mediaType: OCI_LAYER, digest: layer.digest, size: layer.size })),
  }
  const bytes = Buffer.from(JSON.stringify(json))
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
}
