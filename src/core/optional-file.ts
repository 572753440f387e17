import { lstat, readdir, readFile } from 'node:fs/promises'
import { isSystemError } from './errors.ts'

/** Undefined for a file that is not there. Throws for a directory. */
export function readIfPresent(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(ignoreAbsent)
}

/** The names in a directory; none for one that is not there, or is a file. */
export async function listIfPresent(path: string): Promise<readonly string[]> {
  return (await readdir(path).catch(ignoreAbsent)) ?? []
}

/** Whether there is an entry of this name, a link that leads nowhere included. */
export async function isPresent(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoreAbsent)) !== undefined
}

function ignoreAbsent(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
