import { readdir, readFile } from 'node:fs/promises'
import { isSystemError } from '../core/index.ts'

/** Undefined for a file that is not there. Throws for a directory. */
export function readIfPresent(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(ignoreAbsent)
}

/** The names in a directory; none for one that is not there, or is a file. */
export async function listIfPresent(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(ignoreAbsent)) ?? []
}

function ignoreAbsent(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
