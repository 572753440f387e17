import { type Digest, hexOf, isDigest } from '../core/index.ts'
import { objectOf, parseJson } from './json.ts'

export const HISTORY_HEADS = 'application/vnd.ballast.history.heads.v1+json'

/** How far a log had come at one instant. */
export interface Head {
  /** Of its newest record. */
  readonly sequence: number
  readonly digest: Digest
  /**
   * The first 16 bytes of the digest of each record up to it, in base64, zeros where one was missing: so the first that differs can be
   * named, and records count that were written before each named the former one.
   */
  readonly trail: string
}

/** Those of one model, by tag or stage. */
export interface ModelHeads {
  readonly versions?: Head
  readonly tags: Readonly<Record<string, Head>>
  readonly policies: Readonly<Record<string, Head>>
}

/** What a former state of a store or remote is held against. */
export interface HistoryHeads {
  readonly mediaType: typeof HISTORY_HEADS
  /** For people: the store's directory, or an address. */
  readonly place: string
  /** ISO 8601. */
  readonly time: string
  readonly models: Readonly<Record<string, ModelHeads>>
}

interface Recorded {
  readonly sequence: number
  readonly digest: Digest
}

const TRAIL_BYTES = 16
const NOTHING = Buffer.alloc(TRAIL_BYTES)

/** Of records by rising number; undefined where there is none. */
export function headOf(records: readonly Recorded[]): Head | undefined {
  const last = records.at(-1)
  if (last === undefined) return undefined
  const trail = Buffer.alloc(last.sequence * TRAIL_BYTES)
  for (const { sequence, digest } of records) trailOf(digest).copy(trail, (sequence - 1) * TRAIL_BYTES)
  return { sequence: last.sequence, digest: last.digest, trail: trail.toString('base64') }
}

export type Continuation =
  | { readonly state: 'unchanged' | 'continued' }
  /** `sequence` is the first record that is not what it was. */
  | { readonly state: 'rewritten'; readonly sequence: number; readonly why: string }

/** Whether the records that are there now go on from a former head. */
export function continuationOf(head: Head, records: readonly Recorded[]): Continuation {
  const trail = Buffer.from(head.trail, 'base64')
  const now = new Map(records.map(({ sequence, digest }) => [sequence, digest]))
  for (let sequence = 1; sequence <= head.sequence; sequence++) {
    const digest = now.get(sequence)
    const then = trail.subarray((sequence - 1) * TRAIL_BYTES, sequence * TRAIL_BYTES)
    if (digest === undefined ? then.equals(NOTHING) : then.equals(trailOf(digest))) continue
    const why = digest === undefined ? 'is missing' : 'is another one'
    return { state: 'rewritten', sequence, why }
  }
  if (now.get(head.sequence) !== head.digest)
    return { state: 'rewritten', sequence: head.sequence, why: 'is another one' }
  const last = records.at(-1)?.sequence ?? 0
  return { state: last > head.sequence ? 'continued' : 'unchanged' }
}

export function encodeHeads(heads: HistoryHeads): Buffer {
  return Buffer.from(`${JSON.stringify(heads)}\n`)
}

/** Undefined for anything else. */
export function decodeHeads(bytes: Uint8Array): HistoryHeads | undefined {
  const { mediaType, place, time, models } = parseJson(bytes) ?? {}
  if (mediaType !== HISTORY_HEADS || typeof place !== 'string' || typeof time !== 'string') return undefined
  const decoded: [string, ModelHeads][] = []
  for (const [name, value] of Object.entries(objectOf(models))) {
    const { versions, tags, policies } = objectOf(value)
    const heads = {
      versions: versions === undefined ? undefined : decodeHead(versions),
      tags: decodeEach(tags),
      policies: decodeEach(policies),
    }
    if (heads.tags === undefined || heads.policies === undefined) return undefined
    if (versions !== undefined && heads.versions === undefined) return undefined
    decoded.push([
      name,
      { ...(heads.versions && { versions: heads.versions }), tags: heads.tags, policies: heads.policies },
    ])
  }
  return { mediaType: HISTORY_HEADS, place, time, models: Object.fromEntries(decoded) }
}

function decodeEach(value: unknown): Readonly<Record<string, Head>> | undefined {
  const decoded = Object.entries(objectOf(value)).map(([name, head]) => [name, decodeHead(head)] as const)
  if (decoded.some(([, head]) => head === undefined)) return undefined
  return Object.fromEntries(decoded) as Record<string, Head>
}

function decodeHead(value: unknown): Head | undefined {
  const { sequence, digest, trail } = objectOf(value)
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 1) return undefined
  if (typeof digest !== 'string' || !isDigest(digest) || typeof trail !== 'string') return undefined
  if (Buffer.from(trail, 'base64').length !== sequence * TRAIL_BYTES) return undefined
  return { sequence, digest, trail }
}

function trailOf(digest: Digest): Buffer {
  return Buffer.from(hexOf(digest).slice(0, 2 * TRAIL_BYTES), 'hex')
}
