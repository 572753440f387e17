import { mkdir } from 'node:fs/promises'
import { median, rounded, settle, timed } from './harness.ts'

/** How long a tool took until it ended, beside a race that lasts until what it wrote is on the disk. */
export interface Unsynced {
  /** The same work, followed by a sync of the directory. */
  synced(name: string, work: () => Promise<unknown>): () => Promise<void>
  /** MB/s of the fastest as it ended, of 10^6 bytes. */
  fastest(size: number): number
}

/**
 * Ballast's files are on the disk when it ends, and those of tools that leave them to the system's memory are not: on a disk that is
 * slower than the link, that alone would decide.
 */
export function besideSync(directory: string): Unsynced {
  const times = new Map<string, number[]>()
  return {
    synced: (name, work) => async () => {
      const { ms } = await timed(work)
      times.set(name, [...(times.get(name) ?? []), ms])
      await mkdir(directory, { recursive: true })
      await settle(directory)
    },
    fastest: (size) => rounded(Math.max(...[...times.values()].map((each) => size / 1e3 / median(each)))),
  }
}
