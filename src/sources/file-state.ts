import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'

/** What tells one state of a file from another without reading it. */
export interface FileState {
  readonly device: bigint
  readonly inode: bigint
  readonly size: bigint
  readonly changedNs: bigint
  /** Of its inode: changes with its content, and cannot be set back. */
  readonly statusNs: bigint
  /** How many names the file has. */
  readonly links: bigint
}

export async function fileStateOf(path: string): Promise<FileState> {
  return stateOf(await lstat(path, { bigint: true }))
}

export function stateOf(info: BigIntStats): FileState {
  return {
    device: info.dev,
    inode: info.ino,
    size: info.size,
    changedNs: info.mtimeNs,
    statusNs: info.ctimeNs,
    links: info.nlink,
  }
}
