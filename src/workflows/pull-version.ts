import { BallastError, bytesContent, type CallOptions, type Digest, forEachLimited } from '../core/index.ts'
import { createLanes, fetchBlob, type Lanes } from '../fetch/index.ts'
import {
  blobsOfFiles,
  childrenOf,
  type Descriptor,
  FILE_PATH,
  totalSize,
  type Version,
} from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { pullAttachments } from './carry-attachments.ts'
import { projectTags } from './project.ts'
import type { Pulled, PullPlace } from './pull-place.ts'
import type { Target } from './pull-target.ts'
import { readSurely } from './read-surely.ts'
import { numberThere } from './remote-numbers.ts'
import { admitFromRemote } from './remote-stages.ts'
import { statedNumber } from './remotes.ts'
import type { ContentOfVersion } from './stage-facts.ts'
import { pointTag, refuseStage } from './tag.ts'

const BLOBS_AT_ONCE = 4

/**
 * Connections at the start, for all blobs together. What each holds when the process is killed is fetched again, a few MiB where the registry
 * is near; where it is far, more of them bring more, and come soon.
 */
const CONNECTIONS = 1

let lanes: Lanes | undefined

/** As it was pushed by Ballast: the manifest is the version's identity. */
export async function pullVersion(
  store: Store,
  { remote, target, manifest, admit }: PullPlace,
  options: CallOptions,
): Promise<Pulled> {
  const { repository } = remote
  const from = remote.at(remote.reference)
  const number = statedNumber(remote) ?? (await numberThere(repository, manifest.digest, options))
  const { digest } = manifest
  await refuseTaken(store, { ...target, number: target.number ?? number, digest, from })
  const { name, tag } = target
  if (tag !== undefined)
    await refuseStage(store, { name, tag, digest, first: `ballast pull ${from} ${name}:NUMBER` })
  await using session = await store.begin()
  let bringing: Promise<Brought> | undefined
  const bring = (): Promise<Brought> => {
    bringing ??= bringVersion(store, { session, repository, manifest, admit }, options)
    return bringing
  }
  const content = async (): Promise<ContentOfVersion> => ({ store, version: (await bring()).version })
  await admitFromRemote(store, remote, { manifest, content }, options)
  const { version, newBytes } = await bring()
  const attached = await pullAttachments(store, { session, name, subject: digest, from: repository }, options)
  const { number: claimed } = await store.records.claimNumber(session, name, {
    digest,
    from,
    wanted: target.number ?? number,
    given: true,
  })
  if (tag !== undefined) await pointTag(store, session, { name, tag, digest, by: 'pull' })
  return {
    kind: 'version',
    ref: `${name}:${claimed}`,
    digest,
    number: claimed,
    tag: tag === undefined ? undefined : `${name}:${tag}`,
    files: version.files.length,
    bytes: totalSize(version.files),
    newBytes,
    attached,
    warnings: await projectTags(store, session),
  }
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

export interface Brought {
  readonly version: Version
  /** What the store did not hold before. */
  readonly newBytes: number
}

/** The version's bytes, leased and verified; nothing leads to them yet. */
export async function bringVersion(
  store: Store,
  request: Pick<PullPlace, 'manifest'> & {
    readonly admit?: PullPlace['admit']
    readonly session: Session
    readonly repository: ImageRepository
  },
  options: CallOptions,
): Promise<Brought> {
  const newBytes = await fetchBlobs(store, { admit: undefined, ...request }, options)
  return { version: await storeManifest(store, request.session, request.manifest), newBytes }
}

/** Leased before it is looked for; what the store has is not fetched. How many bytes were. */
async function fetchBlobs(
  store: Store,
  {
    session,
    repository,
    manifest,
    admit,
  }: Pick<PullPlace, 'manifest' | 'admit'> & {
    readonly session: Session
    readonly repository: ImageRepository
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
    const content = repository.openBlob(blob, { signal, once: true })
    const request = { item, content, identity: digest, digest }
    lanes ??= createLanes({ start: CONNECTIONS })
    const how = { ...options, signal, lanes }
    const { existed } = await readSurely({ repository, blob }, () =>
      fetchBlob({ store, session }, request, how),
    )
    if (!existed) fetched += size
  }
  for (const blob of missing)
    options.onProgress?.({ kind: 'plan', step: 'download', item: nameOf(blob), total: blob.size })
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
