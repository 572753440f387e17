import {
  BallastError,
  type CallOptions,
  type Digest,
  isDigest,
  readAll,
  throwIfAborted,
} from '../core/index.ts'
import {
  type Json,
  LARGEST_MANIFEST,
  objectOf,
  parseJson,
  parseJsonValue,
  REF_NAME,
  splitReference,
} from '../model/index.ts'
import { type ArchiveEntries, printable } from './archive-entries.ts'
import type { ArchiveFile } from './archive-file.ts'
import { isPlainName, type Named } from './archive-names.ts'

/** What containerd, BuildKit and Docker since version 25 call an image. */
export const CONTAINERD_NAME = 'io.containerd.image.name'

/** An image of an OCI layout inside an archive. */
export interface LayoutImage extends Named {
  readonly kind: 'layout'
  readonly digest: Digest
  readonly mediaType: string | undefined
}

/** An image as `docker save` described it before there were layouts: names of files in the archive. */
export interface SavedImage extends Named {
  readonly kind: 'saved'
  readonly config: string
  /** Base first. */
  readonly layers: readonly string[]
}

export type ArchiveImage = LayoutImage | SavedImage

/** What has been read of an archive. */
export interface OpenedArchive {
  readonly file: ArchiveFile
  readonly entries: ArchiveEntries
}

/**
 * The images of an archive: those of `index.json` where there is one, else those of `manifest.json`. Throws DAMAGED for
 * either that is not what it should be; REFUSED for an archive without both.
 */
export async function listImages(
  archive: OpenedArchive,
  options: CallOptions = {},
): Promise<readonly ArchiveImage[]> {
  const index = await readSmall(archive, 'index.json', options)
  if (index !== undefined) return layoutImages(archive, index)
  const manifest = await readSmall(archive, 'manifest.json', options)
  if (manifest !== undefined) return savedImages(archive, manifest)
  throw new BallastError(
    'REFUSED',
    `${archive.file.path} is not an image archive: it has neither index.json nor manifest.json`,
    {
      hint: 'name a file that docker save, podman save or skopeo has written; docker export makes another kind of tar',
    },
  )
}

/** One of the archive's documents. Throws DAMAGED above four MiB, before any of it is read. */
async function readSmall(
  { file, entries }: OpenedArchive,
  name: string,
  options: CallOptions,
): Promise<Buffer | undefined> {
  const extent = entries.find(name)
  if (extent === undefined) return undefined
  return readDocument(file, { extent, name, limit: LARGEST_MANIFEST }, options)
}

/** Throws DAMAGED for more than `limit` bytes, before any of them is read. */
export async function readDocument(
  file: ArchiveFile,
  {
    extent,
    name,
    limit,
  }: { readonly extent: { offset: number; size: number }; readonly name: string; readonly limit: number },
  { signal }: CallOptions = {},
): Promise<Buffer> {
  throwIfAborted(signal)
  if (extent.size > limit) {
    throw damagedArchive(file, `${printable(name)} has ${extent.size} bytes, and none has more than ${limit}`)
  }
  return readAll(file.part(extent).open(), limit)
}

function layoutImages({ file }: OpenedArchive, bytes: Buffer): readonly LayoutImage[] {
  const listed = parseJson(bytes)?.manifests
  if (!Array.isArray(listed)) throw damagedArchive(file, 'its index.json is not an image index')
  const images = new Map<Digest, LayoutImage>()
  for (const entry of listed.map(objectOf)) {
    const { digest, mediaType } = entry
    if (typeof digest !== 'string' || !isDigest(digest)) {
      throw damagedArchive(file, `index.json has ${printable(String(digest))} for a sha256 digest`)
    }
    const names = [...new Set([...(images.get(digest)?.names ?? []), ...namesIn(entry)])]
    images.set(digest, {
      kind: 'layout',
      names,
      digest,
      mediaType: typeof mediaType === 'string' ? mediaType : undefined,
    })
  }
  return [...images.values()]
}

/** Its full name where one is stated; a tag that the name ends with says nothing more. */
function namesIn(entry: Json): readonly string[] {
  const annotations = objectOf(entry.annotations)
  const [full, tag] = [annotations[CONTAINERD_NAME], annotations[REF_NAME]].map((name) =>
    isPlainName(name) ? familiar(name) : undefined,
  )
  const isSaid = full !== undefined && (tag === full || tag === splitReference(full).tag)
  return [full, isSaid ? undefined : tag].flatMap((name) => name ?? [])
}

/** As Docker shows it. */
function familiar(name: string): string {
  return name.replace(/^(?:index\.)?docker\.io\/(?:library\/)?/, '')
}

function savedImages({ file }: OpenedArchive, bytes: Buffer): readonly SavedImage[] {
  const listed = parseJsonValue(bytes)
  if (!Array.isArray(listed)) throw damagedArchive(file, 'its manifest.json is not a list of images')
  return listed.map((value): SavedImage => {
    const { Config: config, Layers: layers, RepoTags: tags } = objectOf(value)
    const isList =
      (Array.isArray(layers) || layers === null) &&
      (layers ?? []).every((layer: unknown) => typeof layer === 'string')
    if (typeof config !== 'string' || !isList) {
      throw damagedArchive(file, 'its manifest.json has an image without a config and a list of layers')
    }
    const names = Array.isArray(tags) ? tags.filter(isPlainName).map(familiar) : []
    return { kind: 'saved', names: [...new Set(names)], config, layers: (layers ?? []) as readonly string[] }
  })
}

export function damagedArchive(file: ArchiveFile, why: string): BallastError {
  return new BallastError('DAMAGED', `${file.path} is damaged: ${why}`, {
    hint: 'get the file again, or save the image again (docker save, podman save, skopeo; ballast push for models)',
  })
}
