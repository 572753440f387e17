import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallOptions, listIfPresent, throwIfAborted } from '../core/index.ts'
import type { RepositoryName } from '../model/index.ts'
import { breaksOf, type Link, linkOf } from './chain.ts'
import { repositoryPath, type StoreLayout, versionsPath } from './layout.ts'
import { recordPath, sequencesIn } from './log.ts'
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
    for (const directory of await logsOf(layout, name)) {
      throwIfAborted(options.signal)
      const links = await readLinks(directory)
      count += links.length
      for (const { sequence, why } of breaksOf(links))
        broken.push({ path: recordPath(directory, sequence), why })
    }
  }
  return { records: count, broken }
}

/** The directories of a model's logs. */
export async function logsOf(layout: StoreLayout, name: RepositoryName): Promise<readonly string[]> {
  const logs = [versionsPath(layout, name)]
  for (const kind of ['tags', 'policies']) {
    const directory = join(repositoryPath(layout, name), kind)
    const names = [...(await listIfPresent(directory))].sort()
    logs.push(...names.map((name) => join(directory, name)))
  }
  return logs
}

/** The records of a log as they are, by rising number. */
async function readLinks(directory: string): Promise<readonly Link[]> {
  const links: Link[] = []
  for (const sequence of await sequencesIn(directory))
    links.push(linkOf(sequence, await readFile(recordPath(directory, sequence))))
  return links
}
