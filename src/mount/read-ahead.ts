import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallOptions, throwIfAborted } from '../core/index.ts'
import { type ModelFile, totalSize } from '../model/index.ts'

const PIECE = 1024 * 1024
/** More would push out of memory what the running version needs. */
const SHARE_OF_MEMORY = 2

/**
 * Reads the files once, so that they are in the page cache when the application opens them. Of use for links and for files that
 * share blocks: what was copied is there anyhow. Does nothing where they take more than half of the memory that is left.
 * Whether it has read them.
 */
export async function readAhead(
  tree: string,
  files: readonly ModelFile[],
  { signal }: CallOptions = {},
): Promise<boolean> {
  const free = await availableMemory()
  if (free === undefined || totalSize(files) > free / SHARE_OF_MEMORY) return false
  const piece = Buffer.allocUnsafe(PIECE)
  for (const { path } of files) {
    const file = await open(join(tree, path), 'r')
    try {
      do throwIfAborted(signal)
      while ((await file.read(piece, 0, PIECE, null)).bytesRead > 0)
    } finally {
      await file.close()
    }
  }
  return true
}

/** In bytes; undefined where the system does not say. */
async function availableMemory(): Promise<number | undefined> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
