import { resolve } from 'node:path'
import { BallastError, bytesContent, type CallOptions, type Digest } from '../core/index.ts'
import {
  checkVersion,
  encodeVersion,
  formatReference,
  hasVersion,
  incompleteShards,
  LATEST,
  type Metadata,
  numberOfTag,
  type Reference,
  type RepositoryName,
  type Tag,
  totalSize,
  type Version,
} from '../model/index.ts'
import {
  type KnownFiles,
  type PathFilter,
  readMlflow,
  refuseLinked,
  removeMoved,
  type Scan,
  type SourceFile,
  scanLocalFiles,
} from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { attachTracked } from './attach-tracked.ts'
import { describeVersion } from './inspect-version.ts'
import { attachTold } from './metadata.ts'
import { projectTags } from './project.ts'
import { parseModelReference } from './resolve.ts'
import { rememberTime } from './run-times.ts'
import { storeFiles } from './store-files.ts'
import { pointTag, refuseStage } from './tag.ts'

export interface AddResult {
  /** By number: `sentiment:3`. */
  readonly ref: string
  readonly digest: Digest
  /** The tag that points to it now, if one was moved. */
  readonly tag: string | undefined
  readonly files: number
  readonly bytes: number
  /** What the store did not hold before. */
  readonly newBytes: number
  /** False when the model had this very version already. */
  readonly isNew: boolean
  readonly warnings: readonly string[]
}

export interface AddRequest {
  readonly name: string
  readonly sources: readonly string[]
  /** The sources are removed once the version is in the store; on its own file system they are not copied at all. */
  readonly move?: boolean | undefined
  /** For whoever adds the same files again and again: what has not changed is not read again. */
  readonly known?: KnownFiles | undefined
  /** Which of the files below the sources are wanted. */
  readonly filter?: PathFilter | undefined
  /** What is said of the version beside its files. */
  readonly metadata?: Metadata['values'] | undefined
}

/**
 * Files and directories become a version of a model. Without a tag, `latest` moves to it; with one, that tag; a
 * number is claimed. Throws what the sources throw, and CONFLICT for a number that cannot be had.
 */
export async function add(
  store: Store,
  { name, sources, move = false, known, filter, metadata }: AddRequest,
  options: CallOptions = {},
): Promise<AddResult> {
  parseNewVersion(name)
  const scan = await scanLocalFiles(sources, { filter })
  const from = sources.map((source) => quoted(resolve(source))).join(' ')
  const tracked = await Promise.all(sources.map(readMlflow))
  const started = performance.now()
  const added = await addFiles(
    store,
    {
      name,
      scan,
      from,
      by: 'add',
      move,
      known,
      metadata,
      beforeNumber: (stored) => attachTracked(store, stored, { tracked, from }),
    },
    options,
  )
  // What is moved or known already is not read, or not written.
  if (!move && known === undefined) {
    await rememberTime(store, {
      step: 'hash',
      bytes: added.bytes,
      seconds: (performance.now() - started) / 1000,
    })
  }
  return added
}

export interface AddFilesRequest extends Omit<AddRequest, 'sources' | 'filter'> {
  readonly scan: Scan
  /** What `ballast add NAME` takes to bring the same files again. */
  readonly from: string
  /** The verb, for the history of the tag. */
  readonly by: string
  /** The number that it was given elsewhere, and keeps. */
  readonly given?: number | undefined
  /** Pickles among the files, where all have been looked at; without it, those that are found while they are read. */
  readonly pickles?: readonly string[] | undefined
  /** Called when all is stored and nothing leads to it yet; what it throws keeps the files from becoming a version. */
  readonly beforeNumber?: (stored: StoredVersion) => Promise<void>
}

export interface StoredVersion {
  /** It has leased all blobs of the version. */
  readonly session: Session
  readonly name: RepositoryName
  readonly version: Version
}

/** Throws USAGE for what cannot be the name of a new version. */
export function parseNewVersion(text: string): Reference {
  const reference = parseModelReference(text)
  if (reference.digest === undefined) return reference
  throw new BallastError('USAGE', `${text}: the digest follows from the files and cannot be chosen`, {
    hint: `leave it out: ${reference.name}`,
  })
}

/** Throws USAGE for the name of one version, for who follows something: every change makes another. */
export function refuseNumber(text: string): void {
  const { tag = '' } = parseNewVersion(text)
  if (!hasVersion(text) || numberOfTag(tag) === undefined) return
  throw new BallastError('USAGE', `${text} is one version, and every change makes another`, {
    hint: 'name a tag that moves, or none',
  })
}

/** The same with files that have been found already. */
export async function addFiles(
  store: Store,
  {
    name: text,
    scan: { files, skipped },
    from,
    by,
    move = false,
    known,
    given,
    metadata,
    pickles,
    beforeNumber,
  }: AddFilesRequest,
  options: CallOptions = {},
): Promise<AddResult> {
  const reference = parseNewVersion(text)
  const wanted = hasVersion(text) ? numberOfTag(reference.tag ?? '') : undefined
  // Before any byte is copied, what can be refused is refused.
  if (move) refuseLinked(files)
  checkVersion(files)
  await refuseTakenNumber(store, reference.name, wanted)
  const tag = await tagToMove(store, text, reference)
  await using session = await store.begin()
  const stored = await storeFiles(store, { session, files }, { ...options, move, known })
  const { version, manifest, config, configDigest } = encodeVersion(stored.files)
  await store.blobs.ingest(session, bytesContent(config).open(), {
    item: 'config',
    expected: { digest: configDigest },
  })
  await store.blobs.ingest(session, bytesContent(manifest).open(), {
    item: 'manifest',
    expected: { digest: version.digest },
  })
  const described = { session, name: reference.name, version }
  const headers = await describeVersion(store, session, described, options)
  await beforeNumber?.(described)
  await attachTold(store, described, { headers, stated: metadata, by })
  const before = await store.records.listVersions(reference.name)
  const claimed = await store.records.claimNumber(session, reference.name, {
    digest: version.digest,
    from,
    wanted: wanted ?? given,
    given: given !== undefined,
  })
  if (tag !== undefined)
    await pointTag(store, session, { name: reference.name, tag, digest: version.digest, by })
  const unprojected = await projectTags(store, session)
  const stayed = move ? await removeMoved(files) : []
  return {
    ref: `${reference.name}:${claimed.number}`,
    digest: version.digest,
    tag: tag && formatReference({ name: reference.name, tag }),
    files: version.files.length,
    bytes: totalSize(version.files),
    newBytes: stored.newBytes,
    isNew: !before.some(({ digest }) => digest === version.digest),
    warnings: [
      ...skipped.map((what) => `skipped ${what}`),
      ...pickleWarning(pickles ?? stored.pickles),
      ...unprojected,
      ...(tag === undefined
        ? [`${reference.name}:${LATEST} is a stage, and stays where it is until a version is promoted`]
        : []),
      ...twinWarning(files),
      ...incompleteShards(files.map(({ path }) => path)),
      ...stayed.map(({ path, why }) => `${path} was not removed: ${why}`),
    ],
  }
}

/**
 * The tag that is named, else `latest`, which stays where it is when it is a stage. Throws REFUSED for a stage that is named: it moves
 * by promotion alone.
 */
async function tagToMove(store: Store, text: string, { name, tag }: Reference): Promise<Tag | undefined> {
  const isNamed = hasVersion(text) && tag !== undefined && numberOfTag(tag) === undefined
  if (isNamed) {
    await refuseStage(store, { name, tag, first: `ballast add ${name} …` })
    return tag
  }
  return (await store.records.policies.of(name, LATEST)) === undefined ? LATEST : undefined
}

/** A number that was used before can only be that of the same bytes, which is known only when they have been read. */
async function refuseTakenNumber(
  store: Store,
  name: RepositoryName,
  wanted: number | undefined,
): Promise<void> {
  const numbers = (await store.records.listVersions(name)).map(({ number }) => number)
  const highest = Math.max(0, ...numbers)
  if (wanted === undefined || wanted > highest || numbers.includes(wanted)) return
  throw new BallastError(
    'CONFLICT',
    `${name}:${wanted} is lower than ${name}:${highest}, and numbers only rise`,
    {
      hint: 'leave the number out to get the next one',
    },
  )
}

/** As a shell takes it: what a version was added from is shown as the command that adds it again. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

export function pickleWarning(paths: readonly string[]): readonly string[] {
  const [first] = paths
  if (first === undefined) return []
  const what =
    paths.length === 1 ? `${first} is a pickle` : `${first} and ${paths.length - 1} more are pickles`
  return [
    `${what}: loading it can run any code in it (\`ballast scan\` tells what); prefer safetensors, ONNX or GGUF`,
  ]
}

/** Names that some file systems take for one: those of macOS and Windows. */
function twinWarning(files: readonly SourceFile[]): readonly string[] {
  const seen = new Map<string, string>()
  for (const { path } of files) {
    const folded = path.normalize('NFC').toLowerCase()
    const twin = seen.get(folded)
    if (twin !== undefined) {
      return [
        `${JSON.stringify(twin)} and ${JSON.stringify(path)} are one name to macOS and Windows, which cannot hold both`,
      ]
    }
    seen.set(folded, path)
  }
  return []
}
