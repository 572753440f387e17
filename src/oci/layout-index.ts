import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BallastError, type Digest, isDigest, isSystemError, writeFileDurably } from '../core/index.ts'
import { type Json, OCI_INDEX, OCI_MANIFEST, objectOf, parseJson, REF_NAME } from '../model/index.ts'
import type { StoredManifest } from './image-repository.ts'

/** `index.json` of an OCI image layout (image-spec, image-layout.md) as it stands, with what other tools wrote. */
export interface LayoutIndex {
  readonly json: Json
  readonly entries: readonly Json[]
}

/** Empty where the file does not exist yet. Throws DAMAGED for anything but an index. */
export async function readLayoutIndex(directory: string): Promise<LayoutIndex> {
  const bytes = await readFile(join(directory, 'index.json')).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  })
  const json = bytes === undefined ? EMPTY_INDEX : parseJson(bytes)
  if (json === undefined || !Array.isArray(json.manifests)) {
    throw new BallastError('DAMAGED', `${join(directory, 'index.json')} is not an image index`)
  }
  return { json, entries: json.manifests.map(objectOf) }
}

export async function writeLayoutIndex(directory: string, index: LayoutIndex): Promise<void> {
  await writeFileDurably(
    join(directory, 'index.json'),
    encodeIndex({ ...index.json, manifests: index.entries }),
  )
}

export const EMPTY_INDEX: Json = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }

export function encodeIndex(json: Json): string {
  return JSON.stringify(json)
}

/** Each tag once, sorted by code units. */
export function tagsOf({ entries }: LayoutIndex): readonly string[] {
  return [...new Set(entries.flatMap((entry) => tagOf(entry) ?? []))].sort()
}

/**
 * The digest under a tag; under the empty tag the one manifest without a tag, else the only manifest. Throws REFUSED
 * where the empty tag could mean several, DAMAGED for a digest that is none.
 */
export function findTag(index: LayoutIndex, tag: string): Digest | undefined {
  const entry = tag === '' ? onlyEntry(index) : index.entries.find((candidate) => tagOf(candidate) === tag)
  if (entry === undefined) return undefined
  const { digest } = entry
  if (typeof digest === 'string' && isDigest(digest)) return digest
  throw new BallastError('DAMAGED', `index.json has ${JSON.stringify(digest)} for a sha256 digest`)
}

/** What index.json says of the manifest's type. */
export function mediaTypeIn({ entries }: LayoutIndex, digest: Digest): string | undefined {
  const mediaType = entries.find((entry) => entry.digest === digest)?.mediaType
  return typeof mediaType === 'string' ? mediaType : undefined
}

/** The tag, or with an empty one the untagged entry, now leads to this manifest. All other entries stay as they are. */
export function withTag(index: LayoutIndex, tag: string, manifest: StoredManifest): LayoutIndex {
  const entry = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
    ...(tag === '' ? {} : { annotations: { [REF_NAME]: tag } }),
  }
  const isFormer = (candidate: Json): boolean =>
    tag === '' ? tagOf(candidate) === undefined : tagOf(candidate) === tag
  const at = index.entries.findIndex(isFormer)
  const others = index.entries.filter((candidate) => !isFormer(candidate))
  return { ...index, entries: others.toSpliced(at < 0 ? others.length : at, 0, entry) }
}

/** Without the entries of that tag; the same object where there is none. */
export function withoutTag(index: LayoutIndex, tag: string): LayoutIndex {
  const entries = index.entries.filter((entry) => tagOf(entry) !== tag)
  return entries.length === index.entries.length ? index : { ...index, entries }
}

/** The type that a manifest states for itself, else that of its shape. */
export function mediaTypeOf(bytes: Uint8Array): string {
  const json = parseJson(bytes)
  if (typeof json?.mediaType === 'string') return json.mediaType
  return Array.isArray(json?.manifests) ? OCI_INDEX : OCI_MANIFEST
}

function onlyEntry(index: LayoutIndex): Json | undefined {
  const untagged = index.entries.filter((entry) => tagOf(entry) === undefined)
  const candidates = untagged.length === 1 ? untagged : index.entries
  if (candidates.length < 2) return candidates[0]
  throw new BallastError('REFUSED', `the layout holds ${index.entries.length} images`, {
    hint: `name one of its tags: ${tagsOf(index).join(', ') || 'none is tagged, so tag one first'}`,
  })
}

function tagOf(entry: Json): string | undefined {
  const tag = objectOf(entry.annotations)[REF_NAME]
  return typeof tag === 'string' && tag !== '' ? tag : undefined
}
