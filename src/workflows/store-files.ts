import {
  BallastError,
  type ByteSource,
  type CallOptions,
  cloneFile,
  type Digest,
  digestOf,
  forEachLimited,
  freeSpace,
  isBallastError,
  requireSpace,
} from '../core/index.ts'
import { isPickle } from '../formats/index.ts'
import { groupFiles, type ModelFile, nameOfFiles } from '../model/index.ts'
import { type KnownFiles, linkOut, type OpenedSource, type SourceFile } from '../sources/index.ts'
import type { BlobInfo, Ingested, IngestOptions, Session, Store } from '../store/index.ts'
import { planPack, writePack } from '../tar/index.ts'

export interface StoredFiles {
  readonly files: readonly ModelFile[]
  /** Bytes that the store did not hold before. */
  readonly newBytes: number
  /** Paths of files whose loading can run code. */
  readonly pickles: readonly string[]
}

export interface StoreFilesOptions extends CallOptions {
  /** Files become blobs themselves where that is possible, instead of being copied. They are not removed here. */
  readonly move?: boolean
  /** Files that it knows, and whose blobs are there, are not read. */
  readonly known?: KnownFiles | undefined
}

/** `size` is the archive's, `offsets` are those of the files in it; in bytes. */
interface PlannedPack {
  readonly group: readonly SourceFile[]
  readonly offsets: readonly number[]
  readonly size: number
}

/** While one waits for the disk, another is hashed. */
const BLOBS_AT_ONCE = 6

/** Every file becomes a blob or, where a version has very many, a part of one. The session leases them. */
export async function storeFiles(
  store: Store,
  { session, files }: { readonly session: Session; readonly files: readonly SourceFile[] },
  options: StoreFilesOptions = {},
): Promise<StoredFiles> {
  const { single, packs } = groupFiles(files)
  const stored: ModelFile[] = []
  const pickles: string[] = []
  let newBytes = 0
  let canClone = true

  const noteHead = (path: string, head: Uint8Array): void => {
    if (isPickle(path, head)) pickles.push(path)
  }
  const count = ({ existed, size }: Ingested): void => {
    if (!existed) newBytes += size
  }

  /** By a hard link where the file is to be moved, else by a reflink; undefined where neither is possible. */
  const place = async (file: SourceFile, settings: IngestOptions): Promise<Ingested | undefined> => {
    if (options.move === true) {
      const linked = await store.blobs.ingestPlaced(session, (path) => linkOut(file, path), settings)
      if (linked !== undefined) return linked
    }
    if (!canClone) return undefined
    const cloned = await store.blobs.ingestPlaced(session, (path) => cloneFile(file.place, path), settings)
    canClone = cloned !== undefined
    return cloned
  }

  let room: Promise<void> | undefined
  const copy = async (file: SourceFile, settings: IngestOptions): Promise<Ingested> => {
    room ??= requireRoom(store, single)
    await room
    return opened(file, (source) => store.blobs.ingest(session, source, settings))
  }

  const storeFile = async (file: SourceFile, signal: AbortSignal): Promise<void> => {
    const { path, size } = file
    const known = options.known?.digestOf(file)
    if (known !== undefined && (await keepStored(store, session, { digest: known, size }))) {
      stored.push({ path, digest: known, size })
      options.onProgress?.({ kind: 'skip', step: 'add', item: path, because: 'exists' })
      return
    }
    options.onProgress?.({ kind: 'start', step: 'add', item: path, total: size })
    const onHead = (head: Uint8Array): void => noteHead(path, head)
    const settings = { ...options, signal, item: path, onHead }
    const begun = Date.now()
    const blob = (await place(file, settings)) ?? (await copy(file, settings))
    options.known?.remember(file, blob.digest, begun)
    count(blob)
    stored.push({ path, digest: blob.digest, size: blob.size })
  }

  const planned = packs.map((group) => ({ group, ...planPack(group) }))
  let roomForPacks: Promise<void> | undefined
  const storePack = async ({ group, offsets, size }: PlannedPack, signal: AbortSignal): Promise<void> => {
    const item = nameOfFiles(group)
    const known = options.known?.packOf(group)
    if (known?.size === size && (await keepStored(store, session, known))) {
      stored.push(
        ...group.map((file, at) => ({
          path: file.path,
          digest: options.known?.digestOf(file) as Digest,
          size: file.size,
          pack: { ...known, offset: offsets[at] as number },
        })),
      )
      options.onProgress?.({ kind: 'skip', step: 'add', item, because: 'exists' })
      return
    }
    roomForPacks ??= requireRoom(store, planned)
    await roomForPacks
    options.onProgress?.({ kind: 'start', step: 'add', item, total: size })
    const found: { path: string; digest: ReturnType<typeof digestOf>; size: number }[] = []
    const read = async (file: SourceFile): Promise<Uint8Array> =>
      opened(file, (source) => readWhole(file, source))
    const begun = Date.now()
    const chunks = writePack(group, read, ({ path }, bytes) => {
      noteHead(path, bytes)
      found.push({ path, digest: digestOf(bytes), size: bytes.length })
    })
    const blob = await store.blobs.ingest(session, chunks, { ...options, signal, item, expected: { size } })
    count(blob)
    const pack = { digest: blob.digest, size: blob.size }
    const packed = found.map((file, at) => ({ ...file, pack: { ...pack, offset: offsets[at] as number } }))
    await store.packs.remember(session, pack, packed)
    stored.push(...packed)
    for (const [at, file] of group.entries()) {
      const digest = found[at]?.digest
      if (digest !== undefined) options.known?.remember(file, digest, begun)
    }
    options.known?.rememberPack(group, pack)
  }

  for (const { path, size } of single)
    options.onProgress?.({ kind: 'plan', step: 'add', item: path, total: size })
  for (const { group, size } of planned)
    options.onProgress?.({ kind: 'plan', step: 'add', item: nameOfFiles(group), total: size })
  const works = [
    ...single.map((file) => (signal: AbortSignal) => storeFile(file, signal)),
    ...planned.map((pack) => (signal: AbortSignal) => storePack(pack, signal)),
  ]
  await forEachLimited(works, BLOBS_AT_ONCE, (work, signal) => work(signal), options.signal)
  return { files: stored, newBytes, pickles: pickles.sort() }
}

/** False where the blob is missing or damaged. */
async function keepStored(store: Store, session: Session, blob: BlobInfo): Promise<boolean> {
  await session.lease([blob.digest])
  try {
    await store.blobs.ensureIntact(blob)
    return true
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'DAMAGED')) return false
    throw error
  }
}

/**
 * Throws DISK where there is no room for what the store certainly does not hold: a file of a size that no blob has, and
 * each size once, because files of one size may be the same.
 */
async function requireRoom(store: Store, files: readonly { readonly size: number }[]): Promise<void> {
  const free = await freeSpace(store.root)
  if (files.reduce((sum, { size }) => sum + size, 0) <= free.bytes) return
  const stored = new Set((await store.blobs.list()).map(({ size }) => size))
  const sizes = new Set(files.map(({ size }) => size).filter((size) => !stored.has(size)))
  const bytes = [...sizes].reduce((sum, size) => sum + size, 0)
  await requireSpace(store.root, { bytes, what: 'the model' })
}

async function opened<T>(file: SourceFile, work: (source: OpenedSource) => Promise<T>): Promise<T> {
  const source = await file.open()
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}

/** Throws REFUSED when the file is not as long as it was when it was found: its place in the pack is planned. */
async function readWhole({ path, size }: SourceFile, source: ByteSource): Promise<Uint8Array> {
  const bytes = new Uint8Array(size + 1)
  let length = 0
  for (;;) {
    const read = await source.read(bytes.subarray(length))
    if (read === 0 || length === bytes.length) break
    length += read
  }
  if (length === size) return bytes.subarray(0, size)
  throw new BallastError('REFUSED', `${path} changed while it was read`, {
    hint: 'wait until it is written completely, then run the command again',
    retryable: true,
  })
}
