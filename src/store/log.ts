import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  createFileDurably,
  type Digest,
  digestOf,
  listIfPresent,
  makeShared,
  type Sharing,
  systemCode,
} from '../core/index.ts'
import { decodeRecord, encodeRecord, recordName } from './chain.ts'

/** `sequence` counts from 1 without gaps. */
export interface LogEntry<T> {
  readonly sequence: number
  readonly record: T
}

const FILE = /^(\d{10})\.json$/

/** A log as it is at one instant. Each record is read once. */
export interface LogView<T> {
  /** The newest record. */
  head(): Promise<LogEntry<T> | undefined>
  /** Oldest first. */
  all(): Promise<readonly LogEntry<T>[]>
}

/** All records of an append-only log, oldest first; none when the directory does not exist. Throws DAMAGED. */
export async function readLog<T extends object>(directory: string): Promise<readonly LogEntry<T>[]> {
  return (await viewOf<T>(directory)).all()
}

/** The newest record, or undefined. */
export async function readHead<T extends object>(directory: string): Promise<LogEntry<T> | undefined> {
  return (await viewOf<T>(directory)).head()
}

export interface AppendOptions {
  /** On the log's file system. */
  readonly temporaryDirectory: string
  readonly sharing?: Sharing | undefined
}

/**
 * Appends what `next` makes of the records so far. Two writers meet at the same number, which link(2) gives to one
 * of them; the other asks `next` again with the new records, so that no record is lost and none rests on old ones.
 * `next` may return undefined to append nothing; it may be called several times. The record names the former one by its digest.
 */
export async function appendRecord<T extends object>(
  directory: string,
  next: (log: LogView<T>) => Promise<T | undefined>,
  { temporaryDirectory, sharing }: AppendOptions,
): Promise<LogEntry<T> | undefined> {
  await makeShared(directory, sharing)
  for (;;) {
    const log = await viewOf<T>(directory)
    const record = await next(log)
    if (record === undefined) return undefined
    const former = await log.headRead()
    const sequence = (former?.entry.sequence ?? 0) + 1
    const path = recordPath(directory, sequence)
    const text = encodeRecord(record, former?.digest)
    const created = await createFileDurably(path, text, { mode: 0o444, temporaryDirectory }).catch(
      async (error: unknown) => {
        throw (await isWritten(path, text)) ? unconfirmed(path, error) : error
      },
    )
    if (created) return { sequence, record }
  }
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
export async function sequencesIn(directory: string): Promise<readonly number[]> {
  const names = await listIfPresent(directory)
  return names
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

interface ReadRecord<T> {
  readonly entry: LogEntry<T>
  /** Of the file's bytes. */
  readonly digest: Digest
}

async function viewOf<T extends object>(
  directory: string,
): Promise<LogView<T> & { headRead(): Promise<ReadRecord<T> | undefined> }> {
  const sequences = await sequencesIn(directory)
  const known = new Map<number, Promise<ReadRecord<T>>>()
  const read = (sequence: number): Promise<ReadRecord<T>> => {
    const reading = known.get(sequence) ?? readRecord<T>(directory, sequence)
    known.set(sequence, reading)
    return reading
  }
  const headRead = async (): Promise<ReadRecord<T> | undefined> => {
    const last = sequences.at(-1)
    return last === undefined ? undefined : read(last)
  }
  return {
    headRead,
    head: async () => (await headRead())?.entry,
    all: async () => (await Promise.all(sequences.map(read))).map(({ entry }) => entry),
  }
}

async function readRecord<T extends object>(directory: string, sequence: number): Promise<ReadRecord<T>> {
  const path = recordPath(directory, sequence)
  const bytes = await readFile(path)
  const decoded = decodeRecord<T>(bytes)
  if (decoded !== undefined) return { entry: { sequence, record: decoded.record }, digest: digestOf(bytes) }
  throw new BallastError('DAMAGED', `the record ${path} cannot be read`, {
    hint: 'restore that file from a backup; deleting it gives up this one entry, which `ballast verify` tells from then on',
  })
}

export function recordPath(directory: string, sequence: number): string {
  return join(directory, recordName(sequence))
}
