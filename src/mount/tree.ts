import { chmod, constants, copyFile, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  BallastError,
  type CallOptions,
  isBallastError,
  isSystemError,
  makeDirectory,
  readIfPresent,
  syncDirectory,
  systemCode,
  throwIfAborted,
  verified,
  writeFileDurably,
  writeFully,
} from '../core/index.ts'
import {
  decodeMarker,
  decodeVersion,
  encodeMarker,
  type Marker,
  type ModelFile,
  OWN_DIRECTORY,
  type Version,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { DIRECTORY_MODE, FILE_MODE, TREE_MANIFEST, TREE_MARKER } from './names.ts'
import { writeTreeRecord } from './record.ts'
import { whyNotLinked } from './why-not-linked.ts'

export interface TreeOptions extends CallOptions {
  /** Hard links to the store's own blobs. Whoever can write to the tree could then reach the store's bytes. */
  readonly link: boolean
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
  const place = placer(store, { link: options.link && copied === undefined, warnings })
  const directories = new Set<string>([tree])
  let bytesCopied = 0
  for (const file of version.files) {
    throwIfAborted(options.signal)
    const target = join(tree, file.path)
    await makeParents(tree, { target, directories })
    options.onProgress?.({ kind: 'start', step: 'copy', item: file.path, total: file.size })
    bytesCopied += await place(file, target, options)
  }
  await writeOwnFiles(store, { tree, version, marker })
  // Children before their parents, so that a directory that is durable is so with all that is below it.
  for (const directory of [...directories].reverse()) await syncDirectory(directory)
  return { bytesCopied, warnings }
}

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
  const markerBytes = await readIfPresent(join(tree, TREE_MARKER))
  if (markerBytes === undefined) return undefined
  const marker = decodeMarker(markerBytes)
  const manifest = await readIfPresent(join(tree, TREE_MANIFEST))
  if (marker === undefined || manifest === undefined) throw damagedTree(tree, 'its own files are incomplete')
  const version = decodeVersion(manifest)
  if (version.digest !== marker.digest) throw damagedTree(tree, 'its manifest belongs to another version')
  return { marker, version }
}

function damagedTree(tree: string, why: string): BallastError {
  return new BallastError('DAMAGED', `${tree}: ${why}`, { hint: 'mount the version again' })
}

type Place = (file: ModelFile, target: string, options: CallOptions) => Promise<number>

function placer(store: Store, { link: wantLinks, warnings }: { link: boolean; warnings: string[] }): Place {
  let linking = wantLinks
  let cloning = true
  return async (file, target, options) => {
    await store.blobs.ensureIntact(file)
    if (linking) {
      const refused = await tryLink(store.blobs.path(file.digest), target)
      if (refused === undefined) return 0
      linking = false
      warnings.push(`no hard links from the store to here (${refused}), so the files were copied`)
    }
    if (cloning) {
      cloning = await tryClone(store.blobs.path(file.digest), target)
      if (cloning) return 0
    }
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
    if (isSystemError(error, 'EPERM', 'EMLINK', 'ENOTSUP')) return systemCode(error)
    throw error
  }
}

/** A reflink shares the blocks and not the inode: what is written to it never reaches the store. */
async function tryClone(blob: string, target: string): Promise<boolean> {
  try {
    await copyFile(blob, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
  } catch (error) {
    if (isSystemError(error, 'ENOTSUP', 'EXDEV', 'EINVAL', 'ENOTTY', 'ENOSYS', 'EOPNOTSUPP')) return false
    throw error
  }
  const handle = await open(target, 'r')
  try {
    await handle.chmod(FILE_MODE)
    await handle.sync()
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
    const chunks = verified(store.blobs.content(file).open(), file, `the stored blob of ${file.path}`)
    for await (const chunk of chunks) {
      throwIfAborted(signal)
      await writeFully(handle, chunk)
      onProgress?.({ kind: 'bytes', step: 'copy', item: file.path, count: chunk.length })
    }
    await handle.chmod(FILE_MODE)
    await handle.sync()
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) await store.blobs.markDamaged(file.digest)
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
