import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError, writeFileDurably } from '../core/index.ts'
import { type ModelFile, parseJson } from '../model/index.ts'
import { FILE_MODE, TREE_RECORD } from './names.ts'

/** What a file looked like when it was verified. Numbers as text, because they exceed what a double holds. */
export interface FileRecord {
  readonly size: string
  readonly mtimeNs: string
  readonly inode: string
}

export type TreeRecord = Readonly<Record<string, FileRecord>>

/** Undefined where the file is absent or not a regular file; a link may lead nowhere in the container that reads it. */
export async function recordOf(path: string): Promise<FileRecord | undefined> {
  try {
    const info = await lstat(path, { bigint: true })
    if (!info.isFile()) return undefined
    return { size: `${info.size}`, mtimeNs: `${info.mtimeNs}`, inode: `${info.ino}` }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined
    throw error
  }
}

export async function writeTreeRecord(tree: string, files: readonly ModelFile[]): Promise<void> {
  const record: Record<string, FileRecord> = {}
  for (const { path } of files) {
    const found = await recordOf(join(tree, path))
    if (found !== undefined) record[path] = found
  }
  await writeFileDurably(join(tree, TREE_RECORD), encodeRecord(record), { mode: FILE_MODE })
}

export function encodeRecord(files: TreeRecord): string {
  return `${JSON.stringify({ files })}\n`
}

export async function readTreeRecord(tree: string): Promise<TreeRecord | undefined> {
  try {
    const parsed = parseJson(await readFile(join(tree, TREE_RECORD)))
    return parsed?.files === undefined ? undefined : (parsed.files as TreeRecord)
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

export function sameRecord(a: FileRecord | undefined, b: FileRecord | undefined): boolean {
  return a !== undefined && a.size === b?.size && a.mtimeNs === b.mtimeNs && a.inode === b.inode
}
