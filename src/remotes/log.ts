import { randomBytes } from 'node:crypto'
import type { Bucket } from '../buckets/index.ts'
import { BallastError, type CallOptions, type Digest, digestOf, forEachLimited } from '../core/index.ts'
import {
  decodeRecord,
  encodeRecord,
  type Link,
  type LogEntry,
  linkOf,
  recordName,
  sequenceOf,
} from '../store/index.ts'
import { LARGEST_RECORD } from './layout.ts'
import type { RecordWriter } from './record-writer.ts'

const READ_AT_ONCE = 16

/** An append-only log: one object a record, numbered from 1. Records never change, so each is read once. */
export interface RemoteLog<T> {
  /** The newest record. */
  head(options?: CallOptions): Promise<LogEntry<T> | undefined>
  /** Oldest first. */
  all(options?: CallOptions): Promise<readonly LogEntry<T>[]>
  /** Every record as it is written now. */
  links(options?: CallOptions): Promise<readonly Link[]>
  /**
   * Appends what `next` makes of the log, which it gets anew when another writer was first; nothing where that is undefined. So no
   * record is lost and none rests on old ones.
   */
  append(
    writer: RecordWriter,
    next: (log: Pick<RemoteLog<T>, 'head' | 'all'>) => Promise<T | undefined>,
    options?: CallOptions,
  ): Promise<LogEntry<T> | undefined>
}

/** `prefix` ends with `/`. Nothing is asked before it is read. */
export function openLog<T extends object>(bucket: Bucket, prefix: string): RemoteLog<T> {
  const known = new Map<number, ReadRecord<T>>()

  async function sequences(options: CallOptions = {}): Promise<readonly number[]> {
    const found: number[] = []
    for await (const { key } of bucket.list(prefix, options)) {
      const sequence = sequenceOf(key.slice(prefix.length))
      if (sequence !== undefined) found.push(sequence)
    }
    return found.sort((a, b) => a - b)
  }

  async function read(sequence: number, options: CallOptions = {}): Promise<ReadRecord<T>> {
    const found = known.get(sequence) ?? (await readRecord<T>(bucket, { prefix, sequence }, options))
    known.set(sequence, found)
    return found
  }

  /** As it is with these records. */
  const view = (found: readonly number[]): Pick<RemoteLog<T>, 'head' | 'all'> => ({
    async head(options) {
      const last = found.at(-1)
      return last === undefined ? undefined : (await read(last, options)).entry
    },
    async all(options) {
      const entries = new Map<number, LogEntry<T>>()
      await forEachLimited(
        found,
        READ_AT_ONCE,
        async (sequence, signal) => {
          entries.set(sequence, (await read(sequence, { signal })).entry)
        },
        options?.signal,
      )
      return found.map((sequence) => entries.get(sequence) as LogEntry<T>)
    },
  })

  return {
    head: async (options) => view(await sequences(options)).head(options),
    all: async (options) => view(await sequences(options)).all(options),
    async links(options) {
      const found = await sequences(options)
      const links = new Map<number, Link>()
      await forEachLimited(
        found,
        READ_AT_ONCE,
        async (sequence, signal) => {
          const bytes = await bucket.get(recordKey(prefix, sequence), { signal, limit: LARGEST_RECORD })
          if (bytes !== undefined) links.set(sequence, linkOf(sequence, bytes))
        },
        options?.signal,
      )
      return found.flatMap((sequence) => links.get(sequence) ?? [])
    },
    async append(writer, next, options) {
      for (;;) {
        const found = await sequences(options)
        const record = await next(view(found))
        if (record === undefined) return undefined
        const last = found.at(-1)
        const previous = last === undefined ? undefined : (await read(last, options)).digest
        const sequence = (last ?? 0) + 1
        const text = encodeRecord({ ...record, id: randomBytes(8).toString('hex') }, previous)
        if (await writer.create(recordKey(prefix, sequence), Buffer.from(text), options))
          return { sequence, record }
      }
    },
  }
}

export function recordKey(prefix: string, sequence: number): string {
  return `${prefix}${recordName(sequence)}`
}

interface ReadRecord<T> {
  readonly entry: LogEntry<T>
  /** Of the object's bytes. */
  readonly digest: Digest
}

async function readRecord<T extends object>(
  bucket: Bucket,
  { prefix, sequence }: { readonly prefix: string; readonly sequence: number },
  options: CallOptions,
): Promise<ReadRecord<T>> {
  const key = recordKey(prefix, sequence)
  const bytes = await bucket.get(key, { ...options, limit: LARGEST_RECORD })
  const decoded = bytes === undefined ? undefined : decodeRecord<T>(bytes)
  if (bytes !== undefined && decoded !== undefined)
    return { entry: { sequence, record: decoded.record }, digest: digestOf(bytes) }
  throw new BallastError('DAMAGED', `the record ${bucket.address}/${key} cannot be read`, {
    hint: 'restore that object; removing it gives up this one entry, which `ballast history --check` tells from then on',
  })
}
