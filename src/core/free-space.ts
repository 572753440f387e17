import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BallastError, isSystemError } from './errors.ts'

/** What a file system still takes, in bytes and in files; infinite where it does not count them. */
export interface FreeSpace {
  readonly bytes: number
  readonly files: number
}

/** Of the file system that the path is on, or will be on. What is set aside for root counts for root only. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(await nearest(path))
  const isRoot = process.geteuid?.() === 0
  return {
    bytes: blocks === 0 ? Number.POSITIVE_INFINITY : (isRoot ? bfree : bavail) * bsize,
    files: files === 0 ? Number.POSITIVE_INFINITY : ffree,
  }
}

/**
 * Throws DISK where so many bytes cannot be written: before a long copy, instead of at its end. To be asked for what is
 * certainly written and shares no blocks; where there is room, another process may still take it.
 */
export async function requireSpace(
  path: string,
  { bytes, what }: { readonly bytes: number; readonly what: string },
): Promise<void> {
  const free = await freeSpace(path)
  if (bytes <= free.bytes) return
  throw new BallastError(
    'DISK',
    `${what} needs ${inUnits(bytes)}, and the file system of ${path} has ${inUnits(free.bytes)} free`,
    {
      hint: `make room for ${inUnits(bytes - free.bytes)} more (ballast gc), or name a place on another disk`,
    },
  )
}

async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await stat(at)
      return at
    } catch (error) {
      if (!isSystemError(error, 'ENOENT', 'ENOTDIR') || at === dirname(at)) throw error
    }
  }
}

function inUnits(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}
