import { type Digest, digestOf, isDigest } from '../core/index.ts'
import { parseJson } from '../model/index.ts'

const FILE = /^\d{10}\.json$/

export function recordName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.json`
}

/** Undefined for the name of anything else. */
export function sequenceOf(name: string): number | undefined {
  return FILE.test(name) ? Number.parseInt(name, 10) : undefined
}

export function encodeRecord(record: object, previous: Digest | undefined): string {
  return `${JSON.stringify(previous === undefined ? record : { ...record, previous })}\n`
}

export interface DecodedRecord<T> {
  readonly record: T
  /** Undefined in a first record, and in one that was written before store format 2. */
  readonly previous: Digest | undefined
}

/** Undefined for what is no record. */
export function decodeRecord<T extends object>(bytes: Uint8Array): DecodedRecord<T> | undefined {
  const value = parseJson(bytes)
  if (value === undefined) return undefined
  // What each record says of the one before it: the digest of that one's bytes. Missing in the first record.
  const { previous, ...record } = value
  return {
    record: record as T,
    previous: typeof previous === 'string' && isDigest(previous) ? previous : undefined,
  }
}

/** A record as it is there now. */
export interface Link {
  /** From 1. */
  readonly sequence: number
  /** Of its bytes. */
  readonly digest: Digest
  readonly previous: Digest | undefined
  readonly isReadable: boolean
}

export function linkOf(sequence: number, bytes: Uint8Array): Link {
  const decoded = decodeRecord(bytes)
  return {
    sequence,
    digest: digestOf(bytes),
    previous: decoded?.previous,
    isReadable: decoded !== undefined,
  }
}

export interface ChainBreak {
  readonly sequence: number
  /** For people. */
  readonly why: string
}

/**
 * Where a log is not what was written, in order: records that are not there, that are not those which the next ones were
 * written after, or that name no former one although others before them do. Records before the first that names one are held to
 * nothing. What is missing at the end cannot be told from the log alone.
 */
export function breaksOf(links: readonly Link[]): readonly ChainBreak[] {
  const breaks = new Map<number, string>()
  let former: Link | undefined
  let isChained = false
  for (const link of links) {
    for (let missing = (former?.sequence ?? 0) + 1; missing < link.sequence; missing++)
      breaks.set(missing, 'is missing')
    const before = former?.sequence === link.sequence - 1 ? former : undefined
    if (!link.isReadable) breaks.set(link.sequence, 'cannot be read')
    else if (link.previous === undefined && isChained)
      breaks.set(link.sequence, 'names no former record, although those before it do')
    if (link.previous !== undefined && link.sequence === 1)
      breaks.set(link.sequence, 'is the first, and names a former record')
    if (link.previous !== undefined && before?.isReadable && before.digest !== link.previous)
      breaks.set(before.sequence, `is not the record after which ${recordName(link.sequence)} was written`)
    isChained ||= link.previous !== undefined
    former = link
  }
  return [...breaks].map(([sequence, why]) => ({ sequence, why })).sort((a, b) => a.sequence - b.sequence)
}
