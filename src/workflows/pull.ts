import {
  type Admit,
  BallastError,
  bytesContent,
  type CallOptions,
  type Digest,
  forEachLimited,
} from '../core/index.ts'
import { fetchBlob } from '../fetch/index.ts'
import {
  blobsOfFiles,
  childrenOf,
  type Descriptor,
  FILE_PATH,
  hasVersion,
  isOwnManifest,
  isTag,
  numberOfTag,
  parseName,
  type RepositoryName,
  type Tag,
  totalSize,
  type Version,
} from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { pullAttachments } from './carry-attachments.ts'
import type { ImageAccess } from './image-places.ts'
import { projectTags } from './project.ts'
import { numberThere } from './remote-numbers.ts'
import { nothingThere, openRemote, type Remote, statedNumber } from './remotes.ts'
import { parseModelReference } from './resolve.ts'
import { pointTag } from './tag.ts'

export interface PullResult {
  /** In the store, by number: `sentiment:3`. */
  readonly ref: string
  readonly digest: Digest
  readonly number: number
  /** The tag that points to it now, if one was moved or is there already. */
  readonly tag: string | undefined
  readonly from: string
  readonly files: number
  readonly bytes: number
  /** What the store did not hold before. */
  readonly newBytes: number
  /** Documents about the version that came with it. */
  readonly attached: number
  readonly ms: number
  readonly warnings: readonly string[]
}

export interface PullRequest {
  /** `HOST/NAME[:TAG|@DIGEST]`. */
  readonly remote: string
  /** `NAME[:TAG]` in the store; by default as at the remote. */
  readonly name?: string | undefined
  readonly access: ImageAccess
  /** Asked before what the store has not got is fetched. */
  readonly admit?: Admit | undefined
}

const BLOBS_AT_ONCE = 4

/**
 * A version comes from a remote, with its number and what is attached to it. Nothing leads to it in the store before it is
 * whole and verified. Throws USAGE, NOT_FOUND, DAMAGED, CONFLICT where numbers clash, and what the remote throws.
 */
export async function pull(
  store: Store,
  { remote: text, name, access, admit }: PullRequest,
  options: CallOptions = {},
): Promise<PullResult> {
  const started = performance.now()
  const remote = await openRemote(text, access)
  const { repository } = remote
  const target = targetOf(remote, name)
  const manifest = await repository.getManifest(remote.reference, options)
  if (manifest === undefined) throw await nothingThere(remote, options)
  if (!isOwnManifest(manifest.bytes)) throw notRead(remote)
  const number = statedNumber(remote) ?? (await numberThere(repository, manifest.digest, options))
  await refuseTaken(store, {
    ...target,
    number: target.number ?? number,
    digest: manifest.digest,
    from: remote.at(remote.reference),
  })
  await using session = await store.begin()
  const newBytes = await fetchBlobs(store, { session, repository, manifest, admit }, options)
  const version = await storeManifest(store, session, manifest)
  const attached = await pullAttachments(
    store,
    { session, name: target.name, subject: version.digest, from: repository },
    options,
  )
  const { number: claimed } = await store.records.claimNumber(session, target.name, {
    digest: version.digest,
    from: remote.at(remote.reference),
    wanted: target.number ?? number,
    given: true,
  })
  const { tag } = target
  if (tag !== undefined)
    await pointTag(store, session, { ...target, tag, digest: version.digest, by: 'pull' })
  const warnings = await projectTags(store, session)
  return {
    ref: `${target.name}:${claimed}`,
    digest: version.digest,
    number: claimed,
    tag: tag === undefined ? undefined : `${target.name}:${tag}`,
    from: remote.at(remote.reference),
    files: version.files.length,
    bytes: totalSize(version.files),
    newBytes,
    attached,
    ms: Math.round(performance.now() - started),
    warnings,
  }
}

interface Target {
  readonly name: RepositoryName
  /** That is to move; none for a version that is asked for by its number or digest alone. */
  readonly tag: Tag | undefined
  /** That the user wants it to have. */
  readonly number: number | undefined
}

/** Throws USAGE. */
function targetOf(remote: Remote, text: string | undefined): Target {
  if (text !== undefined) {
    const { name, tag, digest } = parseModelReference(text)
    if (digest !== undefined) {
      throw new BallastError('USAGE', `${text}: the digest follows from the files and cannot be chosen`, {
        hint: `leave it out: ${name}`,
      })
    }
    const number = hasVersion(text) ? numberOfTag(tag ?? '') : undefined
    const moved = hasVersion(text) ? tag : tagOf(remote)
    return { name, number, tag: number === undefined ? moved : undefined }
  }
  if (remote.modelName === undefined) {
    throw new BallastError('USAGE', `what should the model of ${remote.at(remote.reference)} be called?`, {
      hint: `name it: ballast pull ${remote.at(remote.reference)} NAME`,
    })
  }
  return { name: parseName(remote.modelName), tag: tagOf(remote), number: undefined }
}

function tagOf({ reference }: Remote): Tag | undefined {
  return isTag(reference) && numberOfTag(reference) === undefined ? reference : undefined
}

/** Before a byte is fetched: numbers never move, and identical bytes keep theirs. */
async function refuseTaken(
  store: Store,
  { name, number, digest, from }: Target & { readonly digest: Digest; readonly from: string },
): Promise<void> {
  if (number === undefined) return
  const versions = await store.records.listVersions(name)
  const own = versions.find((version) => version.digest === digest)
  const other = versions.find((version) => version.number === number)
  const clash =
    own !== undefined && own.number !== number
      ? `${from} is number ${number}, and the same files are ${name}:${own.number} here`
      : other !== undefined && other.digest !== digest
        ? `${from} is number ${number}, and ${name}:${number} is another version here`
        : undefined
  if (clash === undefined) return
  throw new BallastError('CONFLICT', clash, {
    hint: `numbers never move; pull it under a name of its own: ballast pull ${from} NAME`,
  })
}

/** Leased before it is looked for; what the store has is not fetched. How many bytes were. */
async function fetchBlobs(
  store: Store,
  {
    session,
    repository,
    manifest,
    admit,
  }: Pick<PullRequest, 'admit'> & {
    readonly session: Session
    readonly repository: ImageRepository
    readonly manifest: StoredManifest
  },
  options: CallOptions,
): Promise<number> {
  const blobs = [...new Map(childrenOf(manifest.bytes).map((blob) => [blob.digest, blob])).values()]
  await session.lease([manifest.digest, ...blobs.map(({ digest }) => digest)])
  const missing: Descriptor[] = []
  for (const blob of blobs) {
    if ((await store.blobs.stat(blob.digest))?.size !== blob.size) missing.push(blob)
    else options.onProgress?.({ kind: 'skip', step: 'download', item: nameOf(blob), because: 'exists' })
  }
  const bytes = missing.reduce((sum, { size }) => sum + size, 0)
  if (bytes > 0) await admit?.(bytes)
  let fetched = 0
  const fetch = async (blob: Descriptor, signal: AbortSignal): Promise<void> => {
    const { digest, size } = blob
    const item = nameOf(blob)
    const content = repository.openBlob(blob, { signal })
    const request = { item, content, identity: digest, digest }
    const { existed } = await fetchBlob({ store, session }, request, { ...options, signal })
    if (!existed) fetched += size
  }
  await forEachLimited(missing, BLOBS_AT_ONCE, fetch, options.signal)
  return fetched
}

function nameOf({ annotations, digest }: Descriptor): string {
  return annotations?.[FILE_PATH] ?? digest
}

async function storeManifest(
  store: Store,
  session: Session,
  { bytes, digest }: StoredManifest,
): Promise<Version> {
  const version = await store.decodeVersion(bytes)
  for (const blob of blobsOfFiles(version.files)) {
    const packed = blob.files.filter(({ pack }) => pack !== undefined)
    if (packed.length > 0) await store.packs.remember(session, blob, packed)
  }
  await store.blobs.ingest(session, bytesContent(bytes).open(), { item: 'manifest', expected: { digest } })
  return version
}

function notRead({ at, reference }: Remote): BallastError {
  return new BallastError('REFUSED', `${at(reference)} is no model as Ballast pushes them`, {
    hint: `if it is an image that holds a model: ballast capture image:${at(reference)}:PATH NAME`,
  })
}
