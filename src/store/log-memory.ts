import { existsSync } from 'node:fs'
import { digestOf, hexOf, isDigest } from '../core/index.ts'
import { arrayOf } from '../model/index.ts'
import type { StoreLayout } from './layout.ts'
import {
  type AppendOptions,
  type KnownRecords,
  type LogEntry,
  type LogMemory,
  readLog,
  recordPath,
} from './log.ts'
import { readSealed, writeSealed } from './sealed.ts'

/** Below `ballast/cache`. */
const KIND = 'logs'
/** Shorter logs are read record by record. */
const SHORTEST = 8
/** Then a log's beginning is written anew each time so many records have come. */
const EVERY = 64
/** For so long a command takes the last record, without a next one, for the end of a log; then its directory is listed again. */
const LISTED_MS = 1_000
const MOST_LISTED = 10_000
/** Records that one process keeps in mind. */
const MOST_KEPT = 100_000

/**
 * Keeps logs in mind, and the beginnings of long ones in the cache, one file each: the records, and the digest of the last of them, by
 * which a reader tells whether the log still goes on from there.
 */
export function createLogMemory(layout: StoreLayout): LogMemory {
  const kept = new Map<string, KnownRecords<object>>()
  const listed = new Map<string, { readonly last: number; readonly at: number }>()
  let count = 0

  function keep(directory: string, known: KnownRecords<object>): void {
    count += known.entries.length - (kept.get(directory)?.entries.length ?? 0)
    kept.set(directory, known)
    if (count <= MOST_KEPT) return
    kept.clear()
    count = 0
  }

  const memory: LogMemory = {
    keep,
    lastOf(directory) {
      const { last, at } = listed.get(directory) ?? { last: 0, at: Number.NEGATIVE_INFINITY }
      if (last === 0 || performance.now() - at > LISTED_MS) return undefined
      const isHead = existsSync(recordPath(directory, last)) && !existsSync(recordPath(directory, last + 1))
      return isHead ? last : undefined
    },
    listed(directory, last) {
      if (listed.size > MOST_LISTED) listed.clear()
      listed.set(directory, { last, at: performance.now() })
    },
    async recall<T extends object>(directory: string, last: number) {
      const known = kept.get(directory) as KnownRecords<T> | undefined
      if (known !== undefined && known.entries.length <= last) return known
      return last < SHORTEST ? undefined : readSnapshot<T>(layout, directory)
    },
    async appended(directory, sequence, options) {
      const isDue = sequence % EVERY === 0 || (sequence < EVERY && sequence % SHORTEST === 0)
      if (!isDue) return
      await readLog(directory, memory)
      const known = kept.get(directory)
      if (known !== undefined) await writeSnapshot(layout, { directory, known }, options)
    },
  }
  return memory
}

function nameIn({ root }: StoreLayout, directory: string): string {
  return directory.startsWith(`${root}/`) ? directory.slice(root.length + 1) : directory
}

function pathOf(layout: StoreLayout, directory: string): string {
  return `${layout.cache}/${KIND}/${hexOf(digestOf(nameIn(layout, directory)))}`
}

async function writeSnapshot(
  layout: StoreLayout,
  { directory, known }: { readonly directory: string; readonly known: KnownRecords<object> },
  { temporaryDirectory, sharing }: AppendOptions,
): Promise<void> {
  const { head, entries } = known
  const log = nameIn(layout, directory)
  const snapshot = { log, head, records: entries.map(({ record }) => record) }
  await writeSealed(pathOf(layout, directory), snapshot, { temporaryDirectory, sharing })
}

function readSnapshot<T extends object>(layout: StoreLayout, directory: string): KnownRecords<T> | undefined {
  const { log, head, records } = readSealed(pathOf(layout, directory)) ?? {}
  if (log !== nameIn(layout, directory) || typeof head !== 'string' || !isDigest(head)) return undefined
  const entries = arrayOf(records).map(
    (record, at): LogEntry<T> => ({ sequence: at + 1, record: record as T }),
  )
  return { entries, head }
}
