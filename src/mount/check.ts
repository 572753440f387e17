import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallOptions, fileContent, isBallastError, throwIfAborted, verified } from '../core/index.ts'
import { type ModelFile, OWN_DIRECTORY, type Version } from '../model/index.ts'
import { type FileRecord, readTreeRecord, recordOf, sameRecord, type TreeRecord } from './record.ts'

export interface TreeCheck {
  /** One line a fault; none when the tree is whole. */
  readonly faults: readonly string[]
  /** Files that are not part of the version; only looked for by a full check. */
  readonly extra: readonly string[]
}

/**
 * Without reading contents: every file is there, with the size, modification time and inode that it had when it was
 * verified. A file that merely changed its inode or time (a restored backup) is hashed before it is blamed.
 * With `full`, every file is hashed.
 */
export async function checkTree(
  tree: string,
  version: Version,
  { full = false, signal, onProgress }: CallOptions & { readonly full?: boolean } = {},
): Promise<TreeCheck> {
  const recorded = (await readTreeRecord(tree)) ?? {}
  const faults: string[] = []
  for (const { path, size } of full ? version.files : [])
    onProgress?.({ kind: 'plan', step: 'verify', item: path, total: size })
  for (const file of version.files) {
    throwIfAborted(signal)
    const fault = await faultOf(tree, file, { recorded, full, onProgress })
    if (fault !== undefined) faults.push(fault)
  }
  return { faults, extra: full ? await extraFiles(tree, version) : [] }
}

/** The files of the version that are missing or differ. */
export async function changedFiles(tree: string, version: Version): Promise<readonly ModelFile[]> {
  const recorded = (await readTreeRecord(tree)) ?? {}
  const changed: ModelFile[] = []
  for (const file of version.files) {
    if ((await faultOf(tree, file, { recorded, full: false })) !== undefined) changed.push(file)
  }
  return changed
}

async function faultOf(
  tree: string,
  file: ModelFile,
  { recorded, full, onProgress }: Pick<CallOptions, 'onProgress'> & { recorded: TreeRecord; full: boolean },
): Promise<string | undefined> {
  const found = await recordOf(join(tree, file.path))
  const fault = faultAtAGlance(file, found)
  if (fault !== undefined) return fault
  if (!full && sameRecord(recorded[file.path], found)) return undefined
  onProgress?.({ kind: 'start', step: 'verify', item: file.path, total: file.size })
  const count = (bytes: number): void =>
    onProgress?.({ kind: 'bytes', step: 'verify', item: file.path, count: bytes })
  const isSame = await hasDigest(tree, file, count)
  onProgress?.({ kind: 'done', step: 'verify', item: file.path })
  return isSame ? undefined : `${file.path}: its bytes are not those of the version`
}

/** Whether the directory holds exactly the version's files, byte for byte, and nothing else. */
export async function matchesVersion(directory: string, version: Version): Promise<boolean> {
  // One is enough to know: the directory may be a large one named by mistake.
  if ((await extraFiles(directory, version, 1)).length > 0) return false
  for (const file of version.files) {
    if (faultAtAGlance(file, await recordOf(join(directory, file.path))) !== undefined) return false
  }
  for (const file of version.files) if (!(await hasDigest(directory, file))) return false
  return true
}

function faultAtAGlance(file: ModelFile, found: FileRecord | undefined): string | undefined {
  if (found === undefined) return `${file.path}: missing`
  return found.size === `${file.size}`
    ? undefined
    : `${file.path}: ${found.size} bytes instead of ${file.size}`
}

async function hasDigest(tree: string, file: ModelFile, count?: (bytes: number) => void): Promise<boolean> {
  try {
    const chunks = verified(fileContent(join(tree, file.path), file.size).open(), file)
    for await (const chunk of chunks) count?.(chunk.length)
    return true
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return false
    throw error
  }
}

/** Files and links below the directory that are neither the version's nor Ballast's own; no more than `most`. */
export async function extraFiles(
  tree: string,
  version: Version,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> {
  const wanted = new Set(version.files.map((file) => file.path))
  const extra: string[] = []
  const visit = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(tree, prefix), { withFileTypes: true })) {
      if (extra.length >= most) return
      const path = `${prefix}${entry.name}`
      if (path === OWN_DIRECTORY && entry.isDirectory()) continue
      if (entry.isDirectory()) await visit(`${path}/`)
      else if (!wanted.has(path)) extra.push(path)
    }
  }
  await visit('')
  return extra
}
