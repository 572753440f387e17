import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { median, processorMs, rounded, run, settle, timed } from './harness.ts'

/** How long a tool took until it ended, beside a race that lasts until what it wrote is on the disk. */
export interface Unsynced {
  /** The same work, followed by a sync of the directory. */
  synced(name: string, work: () => Promise<unknown>): () => Promise<void>
  /** MB/s of the fastest as it ended, of 10^6 bytes. */
  fastest(size: number): number
  /**
   * MB/s that the processors of this machine allow to who hashes as well: what the thriftiest took of them with its server, and
   * OpenSSL for the SHA-256 of the file, from memory, spread over all of them without a gap.
   */
  mostWithHashing(file: string, size: number): Promise<number>
}

/**
 * Ballast's files are on the disk when it ends, and those of tools that leave them to the system's memory are not: on a disk that is
 * slower than the link, that alone would decide.
 */
export function besideSync(directory: string): Unsynced {
  const taken = new Map<string, { readonly ms: number; readonly processor: number }[]>()
  const medians = (what: 'ms' | 'processor'): readonly number[] =>
    [...taken.values()].map((each) => median(each.map((one) => one[what])))
  return {
    synced: (name, work) => async () => {
      const before = processorMs()
      const { ms } = await timed(work)
      taken.set(name, [...(taken.get(name) ?? []), { ms, processor: processorMs() - before }])
      await mkdir(directory, { recursive: true })
      await settle(directory)
    },
    fastest: (size) => rounded(size / 1e3 / Math.min(...medians('ms'))),
    async mostWithHashing(file, size) {
      await run('openssl', ['dgst', '-sha256', file])
      const before = processorMs()
      await run('openssl', ['dgst', '-sha256', file])
      const processor = processorMs() - before + Math.min(...medians('processor'))
      return rounded(size / 1e3 / (processor / availableParallelism()))
    },
  }
}
