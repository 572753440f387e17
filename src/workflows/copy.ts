import { BallastError, type CallOptions, type Digest, shortDigest } from '../core/index.ts'
import { bytesSent, type Transferred, transferBlobs } from '../embed/index.ts'
import {
  childrenOf,
  type Descriptor,
  DOCKER_MANIFEST_LIST,
  MODEL_MANIFEST,
  OCI_INDEX,
  parseJson,
  totalSize,
} from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import { copyAttachments } from './carry-attachments.ts'
import type { ImageAccess } from './image-places.ts'
import { numberThere, refuseOtherNumber, tagToMove } from './remote-numbers.ts'
import { refuseStageAt } from './remote-stages.ts'
import { nothingThere, openRemote, type Remote, statedNumber } from './remotes.ts'

export interface CopyResult {
  /** Where it is now: by number for a model, else by tag. */
  readonly ref: string
  readonly digest: Digest
  /** Of a model that has one. */
  readonly number: number | undefined
  readonly tag: string | undefined
  readonly blobs: readonly Transferred[]
  readonly bytes: number
  readonly bytesSent: number
  readonly attached: number
  readonly ms: number
}

export interface CopyRequest {
  /** `HOST/NAME[:TAG|@DIGEST]` of a model or an image. */
  readonly from: string
  /** `HOST/NAME[:TAG]`; without a tag that of `from` is meant. */
  readonly to: string
  readonly access: ImageAccess
}

/** An index in an index in an index is nobody's. */
const DEEPEST = 3

/**
 * A model or image goes from one registry to another, byte for byte, a model with its number and what is attached to it.
 * Nothing is stored here: blobs stream through, and within one registry they are not moved at all where it can mount them.
 * Throws USAGE, NOT_FOUND, CONFLICT where numbers clash, and what the remotes throw.
 */
export async function copy(
  { from: source, to: target, access }: CopyRequest,
  options: CallOptions = {},
): Promise<CopyResult> {
  const started = performance.now()
  const from = await openRemote(source, access)
  const to = await openRemote(target, access, { create: true })
  try {
    const manifest = await from.repository.getManifest(from.reference, options)
    if (manifest === undefined) throw await nothingThere(from, options)
    const number = await numberOf(from, manifest, options)
    const given = { ref: from.at(from.reference), tag: from.reference, number }
    const tag = tagToMove(to, given, 'copy')
    const { digest } = manifest
    if (number !== undefined) {
      await refuseOtherNumber(to, { digest, number, ref: from.at(`${number}`) }, options)
    }
    if (tag !== undefined) {
      const version = number === undefined ? undefined : to.at(`${number}`)
      const first = number === undefined ? undefined : `ballast copy ${from.at(`${number}`)} ${version}`
      await refuseStageAt(to, { tag, digest, version, first }, options)
    }
    const blobs = await copyContent({ from: from.repository, to: to.repository, manifest, depth: 0 }, options)
    if (number !== undefined) await to.repository.putManifest(manifest, `${number}`, options)
    if (number === undefined && tag === undefined)
      await to.repository.putManifest(manifest, undefined, options)
    const ends = { from: from.repository, to: to.repository, subject: digest }
    const attached = await copyAttachments(ends, options)
    if (tag !== undefined) await to.repository.putManifest(manifest, tag, options)
    return {
      ref: to.at(number === undefined ? (tag ?? digest) : `${number}`),
      digest,
      number,
      tag: tag === undefined ? undefined : to.at(tag),
      blobs,
      bytes: totalSize(blobs),
      bytesSent: bytesSent(blobs),
      attached,
      ms: Math.round(performance.now() - started),
    }
  } finally {
    await to.repository.close?.()
    await from.repository.close?.()
  }
}

/** Of models alone: an image's tags of digits are its users'. */
async function numberOf(
  from: Remote,
  { bytes, digest }: StoredManifest,
  options: CallOptions,
): Promise<number | undefined> {
  if (parseJson(bytes)?.artifactType !== MODEL_MANIFEST) return undefined
  return statedNumber(from) ?? numberThere(from.repository, digest, options)
}

interface Content {
  readonly from: ImageRepository
  readonly to: ImageRepository
  readonly manifest: StoredManifest
  readonly depth: number
}

/** What a manifest refers to: blobs, or of an index its manifests and what these refer to. */
async function copyContent(
  { from, to, manifest, depth }: Content,
  options: CallOptions,
): Promise<readonly Transferred[]> {
  const children = childrenOf(manifest.bytes)
  if (manifest.mediaType !== OCI_INDEX && manifest.mediaType !== DOCKER_MANIFEST_LIST) {
    return transferBlobs(
      to,
      children.map((blob) => ({
        digest: blob.digest,
        size: blob.size,
        item: `blob ${shortDigest(blob.digest)}`,
        heldBy: from,
        content: () => from.openBlob(blob, { signal: options.signal }),
      })),
      options,
    )
  }
  if (depth >= DEEPEST) throw new BallastError('REFUSED', `${from.name}: an index within too many others`)
  const moved: Transferred[] = []
  for (const child of children) {
    const inner = await manifestOf(from, child, options)
    moved.push(...(await copyContent({ from, to, manifest: inner, depth: depth + 1 }, options)))
    await to.putManifest(inner, undefined, options)
  }
  return moved
}

async function manifestOf(
  from: ImageRepository,
  { digest }: Descriptor,
  options: CallOptions,
): Promise<StoredManifest> {
  const manifest = await from.getManifest(digest, options)
  if (manifest !== undefined) return manifest
  throw new BallastError('NOT_FOUND', `${from.name} lacks ${digest}, which an index refers to`, {
    hint: 'whoever pushed the index left out one of its images; copy one image by its digest',
  })
}
