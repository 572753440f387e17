import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from './errors.ts'

/**
 * What all that is below the paths takes on disk, in bytes, each file once however many names it has, also where it gets
 * another while this looks, and is met twice. Blocks that files share (reflinks) are counted for each. What goes meanwhile, and what
 * is not there, takes nothing.
 */
export async function diskUsage(paths: readonly string[]): Promise<number> {
  const seen = new Map<number, Set<number>>()
  let bytes = 0
  const count = async (path: string): Promise<void> => {
    const { dev, ino, blocks } = await lstat(path)
    const onDevice = seen.get(dev) ?? new Set()
    seen.set(dev, onDevice)
    if (onDevice.has(ino)) return
    onDevice.add(ino)
    bytes += blocks * 512
  }
  const visit = async (directory: string): Promise<void> => {
    for (const entry of await entriesOf(directory)) {
      const path = join(directory, entry.name)
      await count(path).catch(unlessGone)
      if (entry.isDirectory()) await visit(path)
    }
  }
  for (const path of paths) await visit(path)
  return bytes
}

async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true })
  } catch (error) {
    unlessGone(error)
    return []
  }
}

function unlessGone(error: unknown): void {
  if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
}
