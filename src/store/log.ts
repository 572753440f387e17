import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  BallastError,
  createFileDurably,
  listIfPresent,
  makeShared,
  type Sharing,
  systemCode,
} from '../core/index.ts'

/** `sequence` counts from 1 without gaps. */
export interface LogEntry<T> {
  readonly sequence: number
  readonly record: T
}

const FILE = /^(\d{10})\.json$/

/** All records of an append-only log, oldest first; none when the directory does not exist. Throws DAMAGED. */
export async function readLog<T>(directory: string): Promise<readonly LogEntry<T>[]> {
  return readFurther<T>(directory, [])
}

/** Records never change, so a writer that has to look again reads only what is new. */
async function readFurther<T>(
  directory: string,
  known: readonly LogEntry<T>[],
): Promise<readonly LogEntry<T>[]> {
  const last = known.at(-1)?.sequence ?? 0
  const further = (await sequencesIn(directory)).filter((sequence) => sequence > last)
  return [...known, ...(await Promise.all(further.map((sequence) => readEntry<T>(directory, sequence))))]
}

/** The newest record, or undefined. */
export async function readHead<T>(directory: string): Promise<LogEntry<T> | undefined> {
  const sequence = (await sequencesIn(directory)).at(-1)
  return sequence === undefined ? undefined : readEntry<T>(directory, sequence)
}

export interface AppendOptions {
  /** On the log's file system. */
  readonly temporaryDirectory: string
  readonly sharing?: Sharing | undefined
}

/**
 * Appends what `next` makes of the records so far. Two writers meet at the same number, which link(2) gives to one
 * of them; the other asks `next` again with the new records, so that no record is lost and none rests on old ones.
 * `next` may return undefined to append nothing; it may be called several times.
 */
export async function appendRecord<T>(
  directory: string,
  next: (log: readonly LogEntry<T>[]) => T | undefined,
  { temporaryDirectory, sharing }: AppendOptions,
): Promise<LogEntry<T> | undefined> {
  await makeShared(directory, sharing)
  let log: readonly LogEntry<T>[] = []
  for (;;) {
    log = await readFurther(directory, log)
    const record = next(log)
    if (record === undefined) return undefined
    const sequence = (log.at(-1)?.sequence ?? 0) + 1
    const path = fileOf(directory, sequence)
    const text = `${JSON.stringify(record)}\n`
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

async function sequencesIn(directory: string): Promise<readonly number[]> {
  const names = await listIfPresent(directory)
  return names
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

async function readEntry<T>(directory: string, sequence: number): Promise<LogEntry<T>> {
  const path = fileOf(directory, sequence)
  try {
    return { sequence, record: JSON.parse(await readFile(path, 'utf8')) as T }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new BallastError('DAMAGED', `the record ${path} cannot be read`, {
      cause: error,
      hint: 'restore that file from a backup, or delete it to give up this one entry',
    })
  }
}

function fileOf(directory: string, sequence: number): string {
  return join(directory, `${String(sequence).padStart(10, '0')}.json`)
}
