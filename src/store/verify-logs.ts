import { type CallOptions, throwIfAborted } from '../core/index.ts'
import { breaksOf } from './chain.ts'
import type { StoreLayout } from './layout.ts'
import { linkedLogs } from './links.ts'
import type { Records } from './records.ts'

/** A record that is not as it was written. */
export interface BrokenRecord {
  /** Of the file, whether it is there or not. */
  readonly path: string
  /** For people: `is missing`. */
  readonly why: string
}

export interface LogsReport {
  readonly records: number
  readonly broken: readonly BrokenRecord[]
}

/** Reads every record of every log, and holds each against the next one. */
export async function verifyLogs(
  layout: StoreLayout,
  records: Records,
  options: CallOptions = {},
): Promise<LogsReport> {
  const broken: BrokenRecord[] = []
  let count = 0
  for (const name of await records.listNames()) {
    throwIfAborted(options.signal)
    for (const { links, pathOf } of await linkedLogs(layout, name)) {
      count += links.length
      for (const { sequence, why } of breaksOf(links)) broken.push({ path: pathOf(sequence), why })
    }
  }
  return { records: count, broken }
}
