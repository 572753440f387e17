import { readdir, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  BallastError,
  type CallOptions,
  type Content,
  createFileDurably,
  type Digest,
  digestOf,
  isSystemError,
  makeDirectory,
  readIfPresent,
  writeFileDurably,
} from '../core/index.ts'
import { decodeVersion, type ModelFile, type RepositoryName, type Version } from '../model/index.ts'
import { type BlobStore, createBlobStore, damagedBlob, missingBlob } from './blobs.ts'
import { type Cache, createCache } from './cache.ts'
import { createDerivedBlobs, type DerivedBlobs } from './derived.ts'
import { collectGarbage, type GcOptions, type GcReport } from './gc.ts'
import { FORMAT, layoutOf, type StoreLayout } from './layout.ts'
import { isProjected, project } from './projection.ts'
import { createRecords, type Records } from './records.ts'
import { type Referrer, readUntagged } from './referrers.ts'
import { openSession, type Session } from './session.ts'
import { type VerifyReport, verifyStore } from './verify.ts'

/**
 * Versioned models in one directory (docs/design.md, "The store"). Any number of processes may use it at once.
 * Reading never creates anything: a directory that does not exist reads as an empty store.
 */
export interface Store {
  readonly root: string
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  readonly records: Records
  readonly cache: Cache
  /** Begins work that writes or that relies on blobs staying; creates the store where there is none yet. */
  begin(): Promise<Session>
  /** Manifest and files of a version. Throws NOT_FOUND or DAMAGED. */
  readVersion(digest: Digest): Promise<Version>
  /** The bytes of one file of a version, wherever the store keeps them. Not verified. */
  fileContent(file: ModelFile): Content
  /** Manifests of the repository that are attached to others, a version's description among them. */
  listReferrers(name: RepositoryName): Promise<readonly Referrer[]>
  /** A manifest's exact bytes, verified. Throws NOT_FOUND or DAMAGED. */
  readManifest(digest: Digest): Promise<Buffer>
  /** Brings `index.json` up to the tags. To be called after every change of them. */
  project(session: Session): Promise<void>
  isProjected(): Promise<boolean>
  gc(options?: GcOptions): Promise<GcReport>
  verify(options?: CallOptions): Promise<VerifyReport>
}

/** Throws REFUSED for a directory that holds something else, or a store that a later Ballast wrote. */
export async function openStore(directory: string): Promise<Store> {
  const layout = layoutOf(resolve(directory))
  const exists = await checkFormat(layout)
  const blobs = createBlobStore(layout)
  const derived = createDerivedBlobs(layout)
  const records = createRecords(layout)
  let created = exists

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

  return {
    root: layout.root,
    blobs,
    derived,
    records,
    cache: createCache(layout),
    readManifest,
    listReferrers: async (name) => (await readUntagged(layout, records, name)).referrers,
    async begin() {
      if (!created) await createStore(layout)
      created = true
      return openSession(layout)
    },
    fileContent: (file) => blobs.content(file),
    readVersion: async (digest) => decodeVersion(await readManifest(digest)),
    project: (session) => project(layout, records, session),
    isProjected: () => isProjected(layout, records),
    async gc(options) {
      if (!(await checkFormat(layout))) return { removed: [], removedBytes: 0, kept: 0, abandoned: 0 }
      return collectGarbage({ layout, blobs, derived, records }, options)
    },
    verify: (options) => verifyStore({ layout, blobs, derived, records }, options),
  }
}

async function checkFormat(layout: StoreLayout): Promise<boolean> {
  const text = (await readIfPresent(layout.format))?.toString('utf8')
  if (text !== undefined) {
    if (Number(text) <= FORMAT) return true
    throw new BallastError(
      'REFUSED',
      `${layout.root} was written by a later Ballast (store format ${text.trim()})`,
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
  if (visible.length === 0 || cutShort) return false
  throw new BallastError('REFUSED', `${layout.root} is not a Ballast store, and not empty`, {
    hint: 'name another directory with --store or BALLAST_STORE',
  })
}

/**
 * The format is written last: it says that the rest is there. Temporary files stand among the sessions, where `gc`
 * finds them when this is cut short.
 */
async function createStore(layout: StoreLayout): Promise<void> {
  for (const directory of [layout.own, layout.blobs, layout.repositories, layout.sessions]) {
    await makeDirectory(directory)
  }
  const options = { temporaryDirectory: layout.sessions }
  await writeFileDurably(layout.ociLayout, '{"imageLayoutVersion":"1.0.0"}', options)
  const empty = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}\n'
  await createFileDurably(layout.index, empty, options)
  await writeFileDurably(layout.format, `${FORMAT}\n`, options)
}
