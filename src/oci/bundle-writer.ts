import { dirname } from 'node:path'
import { createQueue, type Digest, isDigest, removeAbandonedFiles } from '../core/index.ts'
import {
  childrenOf,
  LARGEST_MANIFEST,
  OCI_INDEX,
  parseJson,
  REF_NAME,
  subjectOfManifest,
} from '../model/index.ts'
import { explained } from './archive-file.ts'
import { CONTAINERD_NAME } from './archive-images.ts'
import { fullName } from './archive-names.ts'
import { archivePlace } from './archive-place.ts'
import type { GrowingTar } from './archive-tar.ts'
import type { ImageRepository, StoredManifest } from './image-repository.ts'
import { beginLayoutTar, createTarBlobs, partOfTar, tooMuch } from './tar-blobs.ts'

/** A tar with models under their names, an OCI image layout, that is being written. */
export interface BundleWriter {
  /** Where versions of that model are put, and what is attached to them. */
  repository(model: string): ImageRepository
  /** Takes the place of whatever archive stands there: whole, on the disk, or not at all. */
  finish(): Promise<void>
  /** Leaves nothing of what was not finished. */
  discard(): Promise<void>
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
    const tar = await beginLayoutTar(place)
    return bundleIn(tar, { place, name: `archive:${path}` })
  })
}

function bundleIn(
  tar: GrowingTar,
  { place, name }: { readonly place: string; readonly name: string },
): BundleWriter {
  const blobs = createTarBlobs({
    name,
    tar: async () => tar,
    read: (extent) => partOfTar(tar, extent),
    needs: ({ bytes }) => childrenOf(bytes),
  })
  const named = new Map<string, Named>()
  const attached = new Map<Digest, StoredManifest>()
  const inTurn = createQueue()

  const repository = (model: string): ImageRepository => ({
    name: `${name}:${model}`,
    scope: `bundle being written:${place}`,
    getManifest: (reference, options = {}) =>
      explained(options, async () =>
        isDigest(reference) ? blobs.manifest(reference) : named.get(`${model}:${reference}`)?.manifest,
      ),
    openBlob: (blob, options = {}) => blobs.open(blob, options),
    hasBlob: (blob, options = {}) => explained(options, async () => blobs.has(blob)),
    mountBlob: (_blob, _from, options = {}) => explained(options, async () => false),
    putBlob: (blob, content, options = {}) =>
      explained(options, () => inTurn(() => blobs.append(blob, content, options))),
    putManifest: (manifest, tag, options = {}) =>
      explained(options, () =>
        inTurn(async () => {
          await blobs.appendManifest(manifest, options)
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
            await blobs.appendManifest(manifest, options)
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
