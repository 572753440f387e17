import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  BallastError,
  createFileDurably,
  type Digest,
  digestOf,
  listNow,
  makeShared,
  readEach,
  readNow,
  type Sharing,
  systemCode,
} from '../core/index.ts'
import { decodeRecord, encodeRecord, recordName, sequenceOf } from './chain.ts'

/** `sequence` counts from 1 without gaps. */
export interface LogEntry<T> {
  readonly sequence: number
  readonly record: T
}

/** A log as it is at one instant. Each record is read once. */
export interface LogView<T> {
  /** The newest record. */
  head(): Promise<LogEntry<T> | undefined>
  /** Oldest first. */
  all(): Promise<readonly LogEntry<T>[]>
}

/** The records of a log up to one of them, without a gap. */
export interface KnownRecords<T> {
  readonly entries: readonly LogEntry<T>[]
  /** Of the last of them. */
  readonly head: Digest
}

/** What has been read of logs. It is held against the log itself each time, so that it may be old, or gone, but never wrong. */
export interface LogMemory {
  recall<T extends object>(directory: string, last: number): Promise<KnownRecords<T> | undefined>
  keep<T extends object>(directory: string, known: KnownRecords<T>): void
  /** The number of the last record of a log without gaps, where that was found out just now and no other has come. */
  lastOf(directory: string): number | undefined
  listed(directory: string, last: number): void
  /** To be called after a record was appended, so that those who come later need not read all of them. */
  appended(directory: string, sequence: number, options: AppendOptions): Promise<void>
}

/** All records of an append-only log, oldest first; none when the directory does not exist. Throws DAMAGED. */
export async function readLog<T extends object>(
  directory: string,
  memory?: LogMemory,
): Promise<readonly LogEntry<T>[]> {
  return viewOf<T>(directory, memory).all()
}

/** The newest record, or undefined. */
export async function readHead<T extends object>(
  directory: string,
  memory?: LogMemory,
): Promise<LogEntry<T> | undefined> {
  return viewOf<T>(directory, memory).head()
}

export interface AppendOptions {
  /** On the log's file system. */
  readonly temporaryDirectory: string
  readonly sharing?: Sharing | undefined
  readonly memory?: LogMemory
}

/**
 * Appends what `next` makes of the records so far. Two writers meet at the same number, which link(2) gives to one
 * of them; the other asks `next` again with the new records, so that no record is lost and none rests on old ones.
 * `next` may return undefined to append nothing; it may be called several times. The record names the former one by its digest.
 */
export async function appendRecord<T extends object>(
  directory: string,
  next: (log: LogView<T>) => Promise<T | undefined>,
  options: AppendOptions,
): Promise<LogEntry<T> | undefined> {
  const appended = await appendRecords<T>(
    directory,
    async (log) => {
      const record = await next(log)
      return record === undefined ? [] : [record]
    },
    options,
  )
  return appended.at(-1)
}

/**
 * The same for several, one after the other: where another writer comes in between, `next` is asked for those that are left. The ones
 * that were appended last.
 */
export async function appendRecords<T extends object>(
  directory: string,
  next: (log: LogView<T>) => Promise<readonly T[]>,
  options: AppendOptions,
): Promise<readonly LogEntry<T>[]> {
  await makeShared(directory, options.sharing)
  for (;;) {
    const log = viewOf<T>(directory, options.memory)
    const records = await next(log)
    const appended: LogEntry<T>[] = []
    let former = log.headRead()
    for (const record of records) {
      const written = await appendAfter(directory, { former, record }, options)
      if (written === undefined) break
      appended.push(written.entry)
      former = written
    }
    const last = appended.at(-1)
    if (last !== undefined && log.isWhole) options.memory?.listed(directory, last.sequence)
    if (appended.length === records.length) return appended
  }
}

/** Undefined where somebody else has the next number. */
async function appendAfter<T extends object>(
  directory: string,
  { former, record }: { readonly former: ReadRecord<T> | undefined; readonly record: T },
  options: AppendOptions,
): Promise<ReadRecord<T> | undefined> {
  const { temporaryDirectory, memory } = options
  const sequence = (former?.entry.sequence ?? 0) + 1
  const path = recordPath(directory, sequence)
  const text = encodeRecord(record, former?.digest)
  const created = await createFileDurably(path, text, { mode: 0o444, temporaryDirectory }).catch(
    async (error: unknown) => {
      throw (await isWritten(path, text)) ? unconfirmed(path, error) : error
    },
  )
  if (!created) return undefined
  await memory?.appended(directory, sequence, options)
  return { entry: { sequence, record }, digest: digestOf(text) }
}

async function isWritten(path: string, text: string): Promise<boolean> {
  return (await readFile(path, 'utf8').catch(() => undefined)) === text
}

/** The link is made, and the sync of its directory has failed: to report the plain failure would invite to do it twice. */
function unconfirmed(path: string, cause: unknown): unknown {
  const code = systemCode(cause)
  if (code === undefined) return cause
  return new BallastError('DISK', `${path} was written, but the disk did not confirm it (${code})`, {
    cause,
    hint: 'the change has been made and may be lost with the power: look at `ballast history` before you repeat it',
  })
}

/** The numbers of the records that are there, rising. */
export function sequencesIn(directory: string): readonly number[] {
  return rising(listSequences(directory))
}

/** In no order: of a log without gaps, which is nearly every one, nobody needs another. */
function listSequences(directory: string): readonly number[] {
  const sequences: number[] = []
  for (const name of listNow(directory)) {
    const sequence = sequenceOf(name)
    if (sequence !== undefined) sequences.push(sequence)
  }
  return sequences
}

function rising(sequences: readonly number[]): readonly number[] {
  return Array.from(Float64Array.from(sequences).sort())
}

/** `sequences` is undefined where there is one for each number up to `last`. */
interface Extent {
  readonly last: number
  readonly sequences: readonly number[] | undefined
}

function extentOf(directory: string, memory: LogMemory | undefined): Extent {
  const known = memory?.lastOf(directory)
  if (known !== undefined) return { last: known, sequences: undefined }
  const sequences = listSequences(directory)
  const last = sequences.reduce((most, sequence) => Math.max(most, sequence), 0)
  if (last !== sequences.length) return { last, sequences: rising(sequences) }
  memory?.listed(directory, last)
  return { last, sequences: undefined }
}

interface ReadRecord<T> {
  readonly entry: LogEntry<T>
  /** Of the file's bytes. */
  readonly digest: Digest
}

function viewOf<T extends object>(
  directory: string,
  memory?: LogMemory,
): LogView<T> & { readonly isWhole: boolean; headRead(): ReadRecord<T> | undefined } {
  const { last, sequences } = extentOf(directory, memory)
  let newest: ReadRecord<T> | undefined
  const headRead = (): ReadRecord<T> | undefined => {
    newest ??= last === 0 ? undefined : readRecord<T>(directory, last)
    return newest
  }
  // With a gap, it is not known what the rest rests on.
  const isWhole = sequences === undefined
  return {
    isWhole,
    headRead,
    head: async () => headRead()?.entry,
    async all() {
      const known = isWhole ? await recalled<T>(directory, last, memory) : undefined
      const from = known?.entries.length ?? 0
      if (known !== undefined && from === last) return known.entries
      const entries = known === undefined ? [] : [...known.entries]
      let head: Digest | undefined
      const rest = sequences ?? Array.from({ length: last - from }, (_, at) => from + at + 1)
      const paths = rest.map((sequence) => recordPath(directory, sequence))
      await readEach(paths, (bytes, at) => {
        const sequence = rest[at] as number
        entries.push({ sequence, record: decoded<T>(bytes, paths[at] as string) })
        if (sequence === last) head = digestOf(bytes)
      })
      if (isWhole && head !== undefined) memory?.keep<T>(directory, { entries, head })
      return entries
    },
  }
}

/** What is known, where the log still has the last record of it: each stands for all before it, since none ever changes. */
async function recalled<T extends object>(
  directory: string,
  last: number,
  memory: LogMemory | undefined,
): Promise<KnownRecords<T> | undefined> {
  const known = await memory?.recall<T>(directory, last)
  const sequence = known?.entries.length ?? 0
  if (known === undefined || sequence === 0 || sequence > last) return undefined
  const bytes = readNow(recordPath(directory, sequence))
  return bytes !== undefined && digestOf(bytes) === known.head ? known : undefined
}

function readRecord<T extends object>(directory: string, sequence: number): ReadRecord<T> {
  const path = recordPath(directory, sequence)
  const bytes = readFileSync(path)
  return { entry: { sequence, record: decoded<T>(bytes, path) }, digest: digestOf(bytes) }
}

/** Throws DAMAGED. */
function decoded<T extends object>(bytes: Buffer, path: string): T {
  const found = decodeRecord<T>(bytes)
  if (found !== undefined) return found.record
  throw new BallastError('DAMAGED', `the record ${path} cannot be read`, {
    hint: 'restore that file from a backup; deleting it gives up this one entry, which `ballast verify` tells from then on',
  })
}

export function recordPath(directory: string, sequence: number): string {
  return `${directory}/${recordName(sequence)}`
}
