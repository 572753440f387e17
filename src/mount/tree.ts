import { chmod, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type Admit,
  BallastError,
  type CallOptions,
  cloneFile,
  type Digest,
  forEachLimited,
  isBallastError,
  isSystemError,
  makeDirectory,
  named,
  readIfPresent,
  requireSpace,
  syncDirectory,
  systemCode,
  throwIfAborted,
  verified,
  writeFileDurably,
  writeFully,
} from '../core/index.ts'
import {
  completeVersion,
  decodeManifest,
  decodeMarker,
  decodePackedFiles,
  encodeMarker,
  encodePackedFiles,
  type Marker,
  type ModelFile,
  OWN_DIRECTORY,
  type Packed,
  totalSize,
  type Version,
  type VersionManifest,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { DIRECTORY_MODE, FILE_MODE, TREE_MANIFEST, TREE_MARKER, TREE_PACKED } from './names.ts'
import { writeTreeRecord } from './record.ts'
import { whyNotLinked } from './why-not-linked.ts'

export interface TreeOptions extends CallOptions {
  /** Hard links to the store's own blobs. Whoever can write to the tree could then reach the store's bytes. */
  readonly link: boolean
  readonly admit?: Admit | undefined
  /** Makes a file of the version from what the target has already, or returns false; tried before a copy. */
  readonly reuse?: Reuse | undefined
}

export interface Reuse {
  readonly has: (file: ModelFile) => boolean
  readonly place: (file: ModelFile, target: string) => Promise<boolean>
}

export interface WrittenTree {
  readonly bytesCopied: number
  /** Why files were copied although links were asked for. */
  readonly warnings: readonly string[]
}

/**
 * Writes a version's files, and Ballast's own beside them, into a directory that nobody looks at yet. What is copied
 * is verified on the way; links and reflinks move no bytes and rest on the blob being untouched since it was verified. Everything is synced when the call returns. Throws DAMAGED (and remembers it)
 * for a blob whose bytes are wrong.
 */
export async function writeTree(
  store: Store,
  { tree, version, marker }: { readonly tree: string; readonly version: Version; readonly marker: Marker },
  options: TreeOptions,
): Promise<WrittenTree> {
  const warnings: string[] = []
  const copied = options.link ? await whyNotLinked(store, version) : undefined
  if (copied !== undefined) warnings.push(copied)
  const reuse = await reusable(store, version, options)
  const files = version.files.filter((file) => reuse?.has(file) !== true)
  const room = roomFor(tree, files, options)
  const place = placer(store, { link: options.link && copied === undefined, warnings, room, reuse })
  const directories = new Set<string>([tree])
  let bytesCopied = 0
  for (const { path } of version.files) await makeParents(tree, { target: join(tree, path), directories })
  const placeFile = async (file: ModelFile, signal: AbortSignal): Promise<void> => {
    options.onProgress?.({ kind: 'start', step: 'copy', item: file.path, total: file.size })
    const count = await place(file, join(tree, file.path), { ...options, signal })
    // Not in one statement: it would add to what the sum was before the wait.
    bytesCopied += count
    options.onProgress?.({ kind: 'done', step: 'copy', item: file.path })
  }
  for (const { path, size } of version.files)
    options.onProgress?.({ kind: 'plan', step: 'copy', item: path, total: size })
  await forEachLimited(version.files, FILES_AT_ONCE, placeFile, options.signal)
  await writeOwnFiles(store, { tree, version, marker })
  // Children before their parents, so that a directory that is durable is so with all that is below it.
  for (const directory of [...directories].reverse()) await syncDirectory(directory)
  return { bytesCopied, warnings }
}

/** What is reused becomes a hard link, too. */
async function reusable(store: Store, version: Version, { reuse }: TreeOptions): Promise<Reuse | undefined> {
  if (reuse === undefined || !version.files.some(reuse.has)) return undefined
  return (await whyNotLinked(store, version)) === undefined ? reuse : undefined
}

/** While one waits for the disk, another is read. */
const FILES_AT_ONCE = 4

/** Makes a directory of files, which are there already, a delivered tree. */
export async function writeOwnFiles(
  store: Store,
  { tree, version, marker }: { readonly tree: string; readonly version: Version; readonly marker: Marker },
): Promise<void> {
  const own = join(tree, OWN_DIRECTORY)
  await makeDirectory(own, DIRECTORY_MODE)
  await writeFileDurably(join(tree, TREE_MANIFEST), await store.readManifest(version.digest), {
    mode: FILE_MODE,
  })
  if (version.files.some(({ pack }) => pack !== undefined)) {
    const packed = encodePackedFiles(version.files)
    await writeFileDurably(join(tree, TREE_PACKED), packed, { mode: FILE_MODE })
  }
  await writeTreeRecord(tree, version.files)
  // Last, and all at once: whoever finds the marker finds the rest.
  await writeFileDurably(join(tree, TREE_MARKER), encodeMarker(marker), { mode: FILE_MODE })
}

export interface DeliveredTree {
  readonly marker: Marker
  readonly version: Version
}

/** What a directory was delivered as; undefined when it is no delivered tree. Throws DAMAGED when its own files disagree. */
export async function readTree(tree: string): Promise<DeliveredTree | undefined> {
  return readTreeBy((name) => readIfPresent(join(tree, name)), tree)
}

/** The same of a tree that is read by other means; `read` gets paths in it, and `tree` is for messages. */
export async function readTreeBy(
  read: (path: string) => Promise<Uint8Array | undefined>,
  tree: string,
): Promise<DeliveredTree | undefined> {
  const markerBytes = await read(TREE_MARKER)
  if (markerBytes === undefined) return undefined
  const marker = decodeMarker(markerBytes)
  const manifest = await read(TREE_MANIFEST)
  if (marker === undefined || manifest === undefined) throw damagedTree(tree, 'its own files are incomplete')
  const decoded = decodeManifest(manifest)
  const packed = decoded.packs.length === 0 ? [] : await readPacked(read, decoded.packs)
  if (packed === undefined) throw damagedTree(tree, 'its own files are incomplete')
  const version = completeVersion(decoded, packed)
  if (version.digest !== marker.digest) throw damagedTree(tree, 'its manifest belongs to another version')
  return { marker, version }
}

/** Undefined unless it tells of exactly the packs that the manifest has. */
async function readPacked(
  read: (path: string) => Promise<Uint8Array | undefined>,
  packs: VersionManifest['packs'],
): Promise<readonly ModelFile[] | undefined> {
  const bytes = await read(TREE_PACKED)
  const files = bytes === undefined ? undefined : decodePackedFiles(bytes)
  const told = new Set(files?.map(({ pack }) => pack?.digest))
  const isWhole = told.size === packs.length && packs.every(({ digest }) => told.has(digest))
  return isWhole ? files : undefined
}

function damagedTree(tree: string, why: string): BallastError {
  return new BallastError('DAMAGED', `${tree}: ${why}`, { hint: 'mount the version again' })
}

type Place = (file: ModelFile, target: string, options: CallOptions) => Promise<number>

/** Asked before the first copy, and told what takes no room, so that a copy that cannot end does not begin. */
interface Room {
  readonly shared: (bytes: number) => void
  readonly require: () => Promise<void>
}

function roomFor(tree: string, files: readonly ModelFile[], { admit }: Pick<TreeOptions, 'admit'>): Room {
  let bytes = totalSize(files)
  let required: Promise<void> | undefined
  return {
    shared: (count) => {
      bytes -= count
    },
    require: () => {
      required ??= requireSpace(tree, { bytes, what: 'the copy' }).then(() => admit?.(bytes))
      return required
    },
  }
}

function placer(
  store: Store,
  {
    link: wantLinks,
    warnings,
    room,
    reuse,
  }: { link: boolean; warnings: string[]; room: Room; reuse: Reuse | undefined },
): Place {
  let linking = wantLinks
  let cloning = true
  const packs = new Map<Digest, Promise<void>>()
  /** Once for all the files of a pack: they are copied, and verified on the way. */
  const ensurePack = (pack: Packed): Promise<void> => {
    const known = packs.get(pack.digest) ?? store.blobs.ensureIntact(pack)
    packs.set(pack.digest, known)
    return known
  }
  /** What may be reused has never been counted. */
  const shared = (file: ModelFile): void => {
    if (reuse?.has(file) !== true) room.shared(file.size)
  }
  return async (file, target, options) => {
    await (file.pack === undefined ? store.blobs.ensureIntact(file) : ensurePack(file.pack))
    if (linking && file.pack === undefined) {
      const refused = await tryLink(store.blobs.path(file.digest), target)
      if (refused === undefined) {
        shared(file)
        return 0
      }
      linking = false
      warnings.push(`no hard links from the store to here (${refused}), so the files were copied`)
    }
    if (cloning && file.pack === undefined) {
      cloning = await tryClone(store.blobs.path(file.digest), target)
      if (cloning) {
        shared(file)
        return 0
      }
    }
    if (reuse?.has(file) === true) {
      if (await reuse.place(file, target)) return 0
      room.shared(-file.size)
    }
    // Packed files are copied also where the others need no room, and they are small.
    if (file.pack === undefined) await room.require()
    await copyVerified(store, { file, target }, options)
    return file.size
  }
}

/** Undefined where it was made, else why it cannot be. */
async function tryLink(blob: string, target: string): Promise<string | undefined> {
  try {
    await link(blob, target)
    return undefined
  } catch (error) {
    if (isSystemError(error, 'EXDEV')) return 'it is another file system'
    if (isSystemError(error, 'EPERM')) return 'the system lets only the owner of a file link it: EPERM'
    if (isSystemError(error, 'EMLINK', 'ENOTSUP')) return systemCode(error)
    throw error
  }
}

/** A reflink shares the blocks and not the inode: what is written to it never reaches the store. */
async function tryClone(blob: string, target: string): Promise<boolean> {
  if (!(await cloneFile(blob, target))) return false
  const handle = await open(target, 'r')
  try {
    await named(target, async () => {
      await handle.chmod(FILE_MODE)
      await handle.sync()
    })
  } finally {
    await handle.close()
  }
  return true
}

async function copyVerified(
  store: Store,
  { file, target }: { readonly file: ModelFile; readonly target: string },
  { signal, onProgress }: CallOptions,
): Promise<void> {
  const handle = await open(target, 'wx', FILE_MODE)
  try {
    const chunks = verified(store.fileContent(file).open(), file, `the stored blob of ${file.path}`)
    await named(target, async () => {
      for await (const chunk of chunks) {
        throwIfAborted(signal)
        await writeFully(handle, chunk)
        onProgress?.({ kind: 'bytes', step: 'copy', item: file.path, count: chunk.length })
      }
      await handle.chmod(FILE_MODE)
      await handle.sync()
    })
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) await store.blobs.markDamaged((file.pack ?? file).digest)
    throw error
  } finally {
    await handle.close()
  }
}

async function makeParents(
  tree: string,
  { target, directories }: { readonly target: string; readonly directories: Set<string> },
): Promise<void> {
  const missing: string[] = []
  for (let at = dirname(target); at !== tree && !directories.has(at); at = dirname(at)) missing.unshift(at)
  for (const directory of missing) {
    await mkdir(directory)
    await chmod(directory, DIRECTORY_MODE)
    directories.add(directory)
  }
}
