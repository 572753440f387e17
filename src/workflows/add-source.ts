import { BallastError, type CallOptions, forEachLimited, readAll } from '../core/index.ts'
import { type FetchOptions, fetchBlob } from '../fetch/index.ts'
import { isPickle } from '../formats/index.ts'
import { checkVersion, type Lineage, type Metadata, type Version } from '../model/index.ts'
import {
  fileStateOf,
  type KnownFiles,
  type Listing,
  openSource,
  type PathFilter,
  type RemoteFile,
  type SourceAccess,
  type SourceFile,
} from '../sources/index.ts'
import type { BlobInfo, Session, Store } from '../store/index.ts'
import { type AddResult, addFiles, parseNewVersion } from './add.ts'
import { attachLineage } from './lineage.ts'

export interface AddSourceRequest {
  readonly name: string
  /** `https://…`, `hf://…`: see `openSource`. */
  readonly address: string
  readonly access: SourceAccess
  readonly revision?: string | undefined
  readonly filter?: PathFilter | undefined
  /** What is said of the version beside its files. */
  readonly metadata?: Metadata['values'] | undefined
}

export interface AddedSource extends AddResult {
  /** What upstream calls the state that was added. */
  readonly revision: string | undefined
}

/**
 * What is at an address becomes a version of a model, fetched into the store in parts that a killed process leaves to the
 * next. Where it came from is attached. Throws what the source throws, REFUSED where it has no files that are wanted, and
 * CONFLICT for a number that cannot be had.
 */
export async function addSource(
  store: Store,
  { name, address, access, revision, filter, metadata }: AddSourceRequest,
  options: CallOptions = {},
): Promise<AddedSource> {
  parseNewVersion(name)
  const source = await openSource(address, { access, revision })
  const listing = await source.list(options)
  return addListing(store, { name, address: source.address, listing, filter, metadata }, options)
}

export interface AddListingRequest extends Pick<AddSourceRequest, 'name' | 'filter' | 'metadata'> {
  /** Without anything secret. */
  readonly address: string
  readonly listing: Listing
  /** The verb, for the history of the tag. */
  readonly by?: string
  /** The number that it was given elsewhere, and keeps. */
  readonly given?: number | undefined
  /** Throws for what must not become a version. */
  readonly check?: (version: Version) => void | Promise<void>
}

/** The same of what has been listed already. */
export async function addListing(
  store: Store,
  { name, address, listing, filter, by = 'add', given, metadata, check }: AddListingRequest,
  options: FetchOptions = {},
): Promise<AddedSource> {
  const { revision, skipped } = listing
  const wanted = listing.files.filter(({ path }) => filter?.takes(path) ?? true)
  if (wanted.length === 0) throw nothingWanted(address, listing)
  checkVersion(wanted)
  // Until the version leads to them, what has arrived is leased here.
  await using session = await store.begin()
  const fetched = await fetchAll(store, { session, files: wanted }, options)
  const added = await addFiles(
    store,
    {
      name,
      scan: { files: await Promise.all(wanted.map((file) => inStore(store, file, fetched))), skipped },
      from: address,
      by,
      given,
      metadata,
      known: knownFrom(fetched.blobs),
      pickles: await picklesIn(store, wanted, fetched),
      async beforeNumber({ session, name, version }) {
        await check?.(version)
        const lineage = { ...lineageOf(address, { revision, wanted }), by }
        await attachLineage(store, session, { name, version, lineage })
      },
    },
    options,
  )
  return { ...added, revision, newBytes: fetched.newBytes }
}

function nothingWanted(address: string, { files }: Listing): BallastError {
  const all = files.slice(0, 3).map(({ path }) => path)
  return files.length === 0
    ? new BallastError('REFUSED', `${address} has no files`, { hint: 'check the address' })
    : new BallastError('REFUSED', `none of the ${files.length} files of ${address} is wanted`, {
        hint: `check --include and --exclude; there are ${all.join(', ')}${files.length > 3 ? ', …' : ''}`,
      })
}

interface Fetched {
  readonly blobs: ReadonlyMap<string, BlobInfo>
  /** Bytes that the store did not hold before. */
  readonly newBytes: number
}

/** Lanes, which all files share, are what limits the reads; this limits the files that are begun. */
const FILES_AT_ONCE = 48

async function fetchAll(
  store: Store,
  { session, files }: { readonly session: Session; readonly files: readonly RemoteFile[] },
  options: FetchOptions,
): Promise<Fetched> {
  const blobs = new Map<string, BlobInfo>()
  let newBytes = 0
  for (const { path, size } of files)
    options.onProgress?.({ kind: 'plan', step: 'download', item: path, total: size })
  await forEachLimited(
    files,
    FILES_AT_ONCE,
    async ({ path, ...file }, signal) => {
      const blob = await fetchBlob({ store, session }, { item: path, ...file }, { ...options, signal })
      blobs.set(path, blob)
      if (!blob.existed) newBytes += blob.size
    },
    options.signal,
  )
  return { blobs, newBytes }
}

function blobOf({ path }: RemoteFile, { blobs }: Fetched): BlobInfo {
  return blobs.get(path) as BlobInfo
}

/** A file that stands in the store, as one that is to be added: its digest is known, and it is read for a pack alone. */
async function inStore(store: Store, file: RemoteFile, fetched: Fetched): Promise<SourceFile> {
  const { path, size } = file
  const blob = blobOf(file, fetched)
  const place = store.blobs.path(blob.digest)
  return {
    path,
    size,
    place,
    isLinked: false,
    state: await fileStateOf(place),
    async open() {
      const bytes = await readAll(store.blobs.content(blob).open(), size)
      let at = 0
      return {
        async read(into) {
          const part = bytes.subarray(at, at + into.length)
          into.set(part)
          at += part.length
          return part.length
        },
        close: async () => undefined,
      }
    },
  }
}

function knownFrom(blobs: ReadonlyMap<string, BlobInfo>): KnownFiles {
  return {
    digestOf: ({ path }) => blobs.get(path)?.digest,
    packOf: () => undefined,
    rememberPack: () => undefined,
    remember: () => undefined,
    save: () => Buffer.alloc(0),
  }
}

/** In bytes: enough to tell a pickle. */
const HEAD = 64

async function picklesIn(
  store: Store,
  files: readonly RemoteFile[],
  fetched: Fetched,
): Promise<readonly string[]> {
  const pickles: string[] = []
  for (const file of files) {
    const blob = blobOf(file, fetched)
    const length = Math.min(HEAD, blob.size)
    const head = await readAll(store.blobs.content(blob).open({ offset: 0, length }), HEAD)
    if (isPickle(file.path, head)) pickles.push(file.path)
  }
  return pickles.sort()
}

/** More would make the document larger than it may be. */
const MOST_CHECKSUMS = 2000

function lineageOf(
  address: string,
  { revision, wanted }: { readonly revision: string | undefined; readonly wanted: readonly RemoteFile[] },
): Omit<Lineage, 'time' | 'changes' | 'by'> {
  const told = wanted.flatMap(({ path, checksums }) =>
    checksums
      .filter(({ prefix }) => prefix === undefined)
      .slice(0, 1)
      .map(({ algorithm, value }) => [path, `${algorithm}:${value}`] as const),
  )
  const checksums = told.length > 0 && told.length <= MOST_CHECKSUMS ? Object.fromEntries(told) : undefined
  return { from: address, revision, ...(checksums && { checksums }) }
}
