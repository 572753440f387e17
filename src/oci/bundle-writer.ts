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
import {
  childrenOf,
  LARGEST_MANIFEST,
  OCI_INDEX,
  parseJson,
  REF_NAME,
  subjectOfManifest,
} from '../model/index.ts'
import { blobEntry, LAYOUT_MARK } from './archive-documents.ts'
import { MOST_ENTRIES } from './archive-entries.ts'
import { type Extent, explained } from './archive-file.ts'
import { CONTAINERD_NAME } from './archive-images.ts'
import { fullName } from './archive-names.ts'
import { archivePlace } from './archive-place.ts'
import { createTar, type GrowingTar } from './archive-tar.ts'
import type { BlobDescriptor, ImageRepository, StoredManifest } from './image-repository.ts'

/** A tar with models under their names, an OCI image layout, that is being written. */
export interface BundleWriter {
  /** Where versions of that model are put, and what is attached to them. */
  repository(model: string): ImageRepository
  /** Takes the place of whatever archive stands there: whole, on the disk, or not at all. */
  finish(): Promise<void>
  /** Leaves nothing of what was not finished. */
  discard(): Promise<void>
}

/** Directories, the mark of a layout and the index. */
const BESIDE_BLOBS = 8

/** Nobody would read it, Ballast included. */
function tooMuch(name: string, what: string): BallastError {
  return new BallastError(
    'REFUSED',
    `${name} would hold more than ${what}, which is too much for one archive`,
    {
      hint: 'name fewer versions, and write several archives',
    },
  )
}

interface Named {
  readonly model: string
  readonly tag: string
  readonly manifest: StoredManifest
}

/**
 * Each blob is written once, in the order in which it is put; the index at the end because it is known last. So the same put in the
 * same order gives the same bytes. Throws what `archivePlace` throws.
 */
export async function createBundle(path: string): Promise<BundleWriter> {
  return explained({}, async () => {
    const place = await archivePlace(path)
    await removeAbandonedFiles(dirname(place))
    const tar = await createTar(place)
    try {
      await tar.append('oci-layout', bytesContent(Buffer.from(LAYOUT_MARK)))
      for (const directory of ['blobs', 'blobs/sha256']) await tar.appendDirectory(directory)
    } catch (error) {
      await tar.discard()
      throw error
    }
    return bundleIn(tar, { place, name: `archive:${path}` })
  })
}

function bundleIn(
  tar: GrowingTar,
  { place, name }: { readonly place: string; readonly name: string },
): BundleWriter {
  const blobs = new Map<Digest, Extent>()
  const manifests = new Map<Digest, StoredManifest>()
  const named = new Map<string, Named>()
  const attached = new Map<Digest, StoredManifest>()
  const inTurn = createQueue()

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
    blobs.set(digest, await tar.append(blobEntry(digest), { size, open }))
    onProgress?.({ kind: 'done', ...what, digest })
  }

  async function store(manifest: StoredManifest, options: CallOptions): Promise<void> {
    const { bytes, digest } = manifest
    if (digestOf(bytes) !== digest)
      throw new BallastError('DAMAGED', `these bytes are not manifest ${digest}`)
    const missing = childrenOf(bytes).find((blob) => blobs.get(blob.digest)?.size !== blob.size)
    if (missing !== undefined)
      throw new BallastError('NOT_FOUND', `blob ${missing.digest} is not in ${name} yet`)
    await append({ digest, size: bytes.length }, bytesContent(bytes), { signal: options.signal })
    manifests.set(digest, manifest)
  }

  function openBlob({ digest, size }: BlobDescriptor, { signal }: CallOptions): Content {
    return {
      size,
      async *open(range) {
        throwIfAborted(signal)
        const extent = blobs.get(digest)
        if (extent?.size !== size) throw new BallastError('NOT_FOUND', `blob ${digest} is not in ${name}`)
        const { offset } = extent
        const from = { offset: offset + (range?.offset ?? 0), length: range?.length ?? size }
        yield* metered(fileContent(tar.path, offset + size).open(from), () => undefined, signal)
      },
    }
  }

  const repository = (model: string): ImageRepository => ({
    name: `${name}:${model}`,
    scope: `bundle being written:${place}`,
    getManifest: (reference, options = {}) =>
      explained(options, async () =>
        isDigest(reference) ? manifests.get(reference) : named.get(`${model}:${reference}`)?.manifest,
      ),
    openBlob: (blob, options = {}) => openBlob(blob, options),
    hasBlob: (blob, options = {}) =>
      explained(options, async () => blobs.get(blob.digest)?.size === blob.size),
    mountBlob: (_blob, _from, options = {}) => explained(options, async () => false),
    putBlob: (blob, content, options = {}) =>
      explained(options, () => inTurn(() => append(blob, content, options))),
    putManifest: (manifest, tag, options = {}) =>
      explained(options, () =>
        inTurn(async () => {
          await store(manifest, options)
          if (tag !== undefined) named.set(`${model}:${tag}`, { model, tag, manifest })
        }),
      ),
    listTags: (options = {}) =>
      explained(options, async () =>
        [...named.values()].flatMap((entry) => (entry.model === model ? [entry.tag] : [])).sort(),
      ),
    referrers: {
      list: (subject, options = {}) =>
        explained(options, async () =>
          [...attached.values()]
            .filter(({ bytes }) => subjectOfManifest(bytes) === subject)
            .map(({ mediaType, digest, bytes }) => ({ mediaType, digest, size: bytes.length })),
        ),
      put: (manifest, options = {}) =>
        explained(options, () =>
          inTurn(async () => {
            await store(manifest, options)
            attached.set(manifest.digest, manifest)
          }),
        ),
    },
  })

  return {
    repository,
    finish: () =>
      explained({}, () =>
        inTurn(async () => {
          const index = encodeIndex([...named.values()], [...attached.values()])
          if (index.length > LARGEST_MANIFEST) throw tooMuch(name, `${named.size} numbers and tags`)
          await tar.finish(place, [['index.json', index]])
        }),
      ),
    discard: () => explained({}, () => inTurn(() => tar.discard())),
  }
}

/**
 * Of one model the tags as they are, for tools that take a tag behind the file's name; of several with the names before them, as a
 * store has them. What is attached has no name: tools find it by its `subject`.
 */
function encodeIndex(named: readonly Named[], attached: readonly StoredManifest[]): string {
  const isOne = new Set(named.map(({ model }) => model)).size === 1
  const entries = named.map(({ model, tag, manifest }) => ({
    ...describe(manifest),
    annotations: {
      [CONTAINERD_NAME]: fullName({ name: model, tag }),
      [REF_NAME]: isOne ? tag : `${model}:${tag}`,
    },
  }))
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [...entries, ...attached.map(describe)],
  })
}

function describe({ mediaType, digest, bytes }: StoredManifest): object {
  const { artifactType } = parseJson(bytes) ?? {}
  return {
    ...{ mediaType, digest, size: bytes.length },
    ...(typeof artifactType === 'string' && { artifactType }),
  }
}
