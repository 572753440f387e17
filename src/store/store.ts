import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BallastError,
  type CallOptions,
  type Content,
  createFileDurably,
  type Digest,
  digestOf,
  isSystemError,
  makeDirectory,
  makeShared,
  slice,
  writeFileDurably,
} from '../core/index.ts'
import {
  completeVersion,
  decodeManifest,
  type ModelFile,
  type RepositoryName,
  type Tag,
  type Version,
} from '../model/index.ts'
import { type Aliases, createAliases } from './aliases.ts'
import { type BlobStore, createBlobStore, damagedBlob, missingBlob } from './blobs.ts'
import { type Cache, createCache } from './cache.ts'
import { createDerivedBlobs, type DerivedBlobs } from './derived.ts'
import { collectGarbage, type GcOptions, type GcReport, NOTHING_COLLECTED } from './gc.ts'
import { FORMAT, fileOptions, layoutOf, modeOf, type StoreLayout } from './layout.ts'
import { createPacks, type Packs } from './packs.ts'
import { createPartials, type Partials } from './partials.ts'
import { isProjected, type ProjectOptions, project } from './projection.ts'
import { createRecords, type Records } from './records.ts'
import { createKnownReferrers, type Referrer } from './referrers.ts'
import { type RemoveBlobOptions, removeBlob } from './remove-blob.ts'
import { giveUpReserve, keepReserve } from './reserve.ts'
import { createRetentionFile, type RetentionFile } from './retention-file.ts'
import { openSession, type Session, unleasedSession } from './session.ts'
import { explainUnwritable, isUnwritable } from './unwritable.ts'
import { formatOf, upgradeStore } from './upgrade.ts'
import { createUploadFiles, type UploadFiles } from './uploads.ts'
import { createUses, type Uses } from './uses.ts'
import { type VerifyReport, verifyStore } from './verify.ts'

/**
 * Versioned models in one directory (docs/design.md, "The store"). Any number of processes may use it at once.
 * Reading never creates anything: a directory that does not exist reads as an empty store.
 */
export interface Store {
  readonly root: string
  /** Public keys in PEM, of who alone may set policies of stages as far as this user is concerned; none where anybody may who can write. */
  readonly policyKeys: readonly string[]
  /** Asked before a version is used by the name of a tag, where another place says what that may be. Throws REFUSED. */
  readonly admitElsewhere?: (
    stage: { readonly name: RepositoryName; readonly tag: Tag },
    version: Version,
  ) => Promise<void>
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  /** Removes a blob that nothing needs, now instead of with the next `gc`; false where something does. */
  removeBlob(digest: Digest, options?: RemoveBlobOptions): Promise<boolean>
  readonly aliases: Aliases
  readonly uploads: UploadFiles
  readonly records: Records
  readonly cache: Cache
  readonly uses: Uses
  /** What `gc` keeps, where that stands with the store. */
  readonly retention: RetentionFile
  /**
   * Begins work that writes; creates the store where there is none yet. With `frees`, work that leads to free space or
   * must not wait for any: it begins on a full disk too. Throws DISK for a store that this user cannot write to.
   */
  begin(options?: BeginOptions): Promise<Session>
  /** Begins work that relies on blobs staying but writes nothing else; not `writable` where this user cannot write. */
  beginReading(): Promise<Session>
  /** Manifest and files of a version. Throws NOT_FOUND or DAMAGED. */
  readVersion(digest: Digest): Promise<Version>
  /** The bytes of one file of a version, wherever the store keeps them. Not verified. */
  fileContent(file: Omit<ModelFile, 'path'>): Content
  readonly packs: Packs
  readonly partials: Partials
  /** The version that a manifest describes, whose packs are in the store. Throws DAMAGED, REFUSED or NOT_FOUND. */
  decodeVersion(manifest: Uint8Array): Promise<Version>
  /** Manifests of the repository that are attached to others, a version's description among them. */
  listReferrers(name: RepositoryName): Promise<readonly Referrer[]>
  /** A manifest's exact bytes, verified. Throws NOT_FOUND or DAMAGED. */
  readManifest(digest: Digest): Promise<Buffer>
  /** Brings `index.json` up to the tags. To be called after every change of them. */
  project(session: Session, options?: ProjectOptions): Promise<void>
  isProjected(): Promise<boolean>
  gc(options?: GcOptions): Promise<GcReport>
  verify(options?: CallOptions): Promise<VerifyReport>
}

export interface BeginOptions {
  readonly frees?: boolean
}

/** Throws REFUSED for a directory that holds something else, or a store that a later Ballast wrote. */
export async function openStore(
  directory: string,
  { policyKeys = [] }: Partial<Pick<Store, 'policyKeys'>> = {},
): Promise<Store> {
  const root = resolve(directory)
  const layout = layoutOf(root, await modeOf(root))
  /** The format of the store, as far as it is there. */
  let known = await checkFormat(layout)
  const blobs = createBlobStore(layout)
  const derived = createDerivedBlobs(layout)
  const records = createRecords(layout)
  const referrers = createKnownReferrers(layout, records)
  const parts = { layout, blobs, derived, records, referrers }
  const cache = createCache(layout)
  const packs = createPacks(cache, blobs)

  async function openWritable({ upgrade }: { readonly upgrade: boolean }): Promise<Session> {
    // Somebody may have created it since it was opened.
    known ??= await checkFormat(layout)
    if (known === undefined) await createStore(layout)
    known ??= FORMAT
    if (upgrade && known < FORMAT) {
      await upgradeStore(layout)
      known = FORMAT
    }
    return openSession(layout)
  }

  async function readManifest(digest: Digest): Promise<Buffer> {
    const info = await blobs.stat(digest)
    const bytes = await readFile(blobs.path(digest)).catch((error: unknown) => {
      throw isSystemError(error, 'ENOENT') ? missingBlob(digest) : error
    })
    if (info === undefined || digestOf(bytes) !== digest) {
      await blobs.markDamaged(digest)
      throw damagedBlob(digest)
    }
    return bytes
  }

  async function decodeVersion(bytes: Uint8Array): Promise<Version> {
    const manifest = decodeManifest(bytes)
    const packed: ModelFile[] = []
    for (const pack of manifest.packs) packed.push(...(await packs.filesOf(pack)))
    return completeVersion(manifest, packed)
  }

  return {
    root: layout.root,
    policyKeys,
    blobs,
    derived,
    aliases: createAliases(layout),
    removeBlob: (digest, options) => removeBlob(parts, digest, options),
    uploads: createUploadFiles(layout),
    records,
    cache,
    uses: createUses(layout),
    retention: createRetentionFile(layout),
    readManifest,
    listReferrers: (name) => referrers.list(name),
    begin: ({ frees = false } = {}) =>
      explainUnwritable(layout, async () => {
        if (frees && known !== undefined) await giveUpReserve(layout)
        return openWritable({ upgrade: true })
      }),
    beginReading: () =>
      openWritable({ upgrade: false }).catch((error: unknown) => {
        if (isUnwritable(error)) return unleasedSession(layout)
        throw error
      }),
    packs,
    partials: createPartials(layout),
    fileContent: ({ digest, size, pack }) =>
      pack === undefined
        ? blobs.content({ digest, size })
        : slice(blobs.content(pack), { offset: pack.offset, length: size }),
    decodeVersion,
    readVersion: async (digest) => decodeVersion(await readManifest(digest)),
    project: (session, options) => project(parts, session, options),
    isProjected: () => isProjected(parts),
    async gc(options) {
      if ((await checkFormat(layout)) === undefined) return NOTHING_COLLECTED
      const begin = (): Promise<Session> => openWritable({ upgrade: true })
      return explainUnwritable(layout, () => collectGarbage(parts, { ...options, begin }))
    },
    verify: (options) => verifyStore(parts, options),
  }
}

/** Undefined where there is no store yet. */
async function checkFormat(layout: StoreLayout): Promise<number | undefined> {
  const format = await formatOf(layout)
  if (format !== undefined) {
    if (format <= FORMAT) return format
    throw new BallastError(
      'REFUSED',
      `${layout.root} was written by a later Ballast (store format ${format})`,
      {
        hint: 'update Ballast',
      },
    )
  }
  const names = await readdir(layout.root).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  })
  const visible = names.filter((name) => !name.startsWith('.') && name !== 'lost+found')
  // Creation begins with `ballast/`: without it, this is an image layout that another tool fills and tags.
  const cutShort =
    visible.includes('ballast') &&
    visible.every((name) => ['blobs', 'ballast', 'oci-layout', 'index.json'].includes(name))
  if (visible.length === 0 || cutShort) return undefined
  throw new BallastError('REFUSED', `${layout.root} is not a Ballast store, and not empty`, {
    hint: 'name another directory with --store or BALLAST_STORE',
  })
}

/**
 * The format is written last: it says that the rest is there. Temporary files stand among the sessions, where `gc`
 * finds them when this is cut short.
 */
async function createStore(layout: StoreLayout): Promise<void> {
  const { sharing, sessions } = layout
  // Before there is a place for what is not finished, which `makeShared` needs.
  for (const directory of [layout.own, sessions]) await makeOwn(directory, sharing?.directoryMode)
  for (const directory of [layout.blobs, layout.repositories]) await makeShared(directory, sharing)
  const options = fileOptions(layout, { directory: sessions })
  await writeFileDurably(layout.ociLayout, '{"imageLayoutVersion":"1.0.0"}', options)
  const empty = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}\n'
  await createFileDurably(layout.index, empty, options)
  await writeFileDurably(layout.format, `${FORMAT}\n`, options)
  await keepReserve(layout)
}

/** In milliseconds: for as long another user may be about to give a directory its mode. */
const MODE_WITHIN_MS = 2_000
const POLL_MS = 20

/** Whoever was killed before the mode was set mends it with the next attempt. */
async function makeOwn(directory: string, mode: number | undefined): Promise<void> {
  await makeDirectory(directory, mode)
  if (mode === undefined) return
  const since = performance.now()
  while (((await stat(directory)).mode & 0o7777) !== mode) {
    try {
      await chmod(directory, mode)
    } catch (error) {
      // Only the one who makes it may, perhaps at this instant.
      if (!isSystemError(error, 'EPERM') || performance.now() - since > MODE_WITHIN_MS) throw error
      await sleep(POLL_MS)
    }
  }
}
