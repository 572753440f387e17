import { type Digest, isDigest } from '../core/index.ts'
import type { FileChange } from './diff.ts'
import { objectOf, parseJson } from './json.ts'
import { decodeTraining, type Training } from './training.ts'

/** The type of a document that says where a version came from. It is attached to the version, and no part of its identity. */
export const MODEL_LINEAGE = 'application/vnd.ballast.model.lineage.v1+json'
/** In bytes. */
export const LARGEST_LINEAGE = 1024 * 1024

/** A version as it was known where another one was made from it; the store need not have it any more. */
export interface ParentVersion {
  readonly model: string
  readonly number: number
  readonly digest: Digest
}

export interface LineageChanges {
  readonly added: number
  readonly removed: number
  readonly changed: number
  readonly same: number
  /** The first of those that are not the same. */
  readonly files: readonly Pick<FileChange, 'path' | 'change'>[]
}

/** Where a captured version came from, once. */
export interface Lineage {
  /** ISO 8601. */
  readonly time: string
  /** The verb. */
  readonly by: string
  /** What it was captured from: a directory, `volume:NAME`, `container:NAME:PATH`; or the address that it was added from. */
  readonly from: string
  /** What the state was called there: a commit, an ETag. */
  readonly revision?: string | undefined
  /** What was told there of the files, and was found right: `md5:…` by path. None where there are very many. */
  readonly checksums?: Readonly<Record<string, string>> | undefined
  /** The directory below that whose marker said that it was whole. */
  readonly checkpoint?: string | undefined
  /** What it was made from: what was mounted there, or what the person said. */
  readonly parent?: ParentVersion | undefined
  /** Against the parent, where the store had that. */
  readonly changes?: LineageChanges | undefined
  /** What was told beside the files of how the model came about. */
  readonly training?: Training | undefined
}

export function encodeLineage(lineage: Lineage): Buffer {
  const { time, by, from, revision, checksums, checkpoint, parent, changes, training } = lineage
  return Buffer.from(
    JSON.stringify({ time, by, from, revision, checksums, checkpoint, parent, changes, training }),
  )
}

/** Undefined for anything else. */
export function decodeLineage(bytes: Uint8Array): Lineage | undefined {
  const { time, by, from, revision, checksums, checkpoint, parent, changes, training } =
    parseJson(bytes) ?? {}
  if (typeof time !== 'string' || typeof by !== 'string' || typeof from !== 'string') return undefined
  return {
    time,
    by,
    from,
    ...(typeof revision === 'string' && { revision }),
    ...optional('checksums', decodeChecksums(checksums)),
    ...(typeof checkpoint === 'string' && { checkpoint }),
    ...optional('parent', decodeParent(parent)),
    ...optional('changes', decodeChanges(changes)),
    ...optional('training', decodeTraining(training)),
  }
}

const MOST_FILES = 100

/** What is kept of the differences of two versions. */
export function lineageChanges(changes: readonly FileChange[], same: number): LineageChanges {
  const count = (wanted: FileChange['change']): number =>
    changes.filter(({ change }) => change === wanted).length
  return {
    added: count('added'),
    removed: count('removed'),
    changed: count('changed'),
    same,
    files: changes.slice(0, MOST_FILES).map(({ path, change }) => ({ path, change })),
  }
}

function decodeChecksums(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return undefined
  const told = Object.entries(objectOf(value)).filter(([, checksum]) => typeof checksum === 'string')
  return Object.fromEntries(told) as Readonly<Record<string, string>>
}

function decodeParent(value: unknown): ParentVersion | undefined {
  const { model, number, digest } = objectOf(value)
  if (typeof model !== 'string' || typeof number !== 'number') return undefined
  return typeof digest === 'string' && isDigest(digest) ? { model, number, digest } : undefined
}

function decodeChanges(value: unknown): LineageChanges | undefined {
  const { added, removed, changed, same, files } = objectOf(value)
  const counts = [added, removed, changed, same]
  if (!counts.every((count) => typeof count === 'number') || !Array.isArray(files)) return undefined
  const sound = files.flatMap((file: unknown) => {
    const { path, change } = objectOf(file)
    const isSound = typeof path === 'string' && typeof change === 'string' && CHANGES.includes(change)
    return isSound ? [{ path, change: change as FileChange['change'] }] : []
  })
  const [a, r, c, s] = counts as [number, number, number, number]
  return { added: a, removed: r, changed: c, same: s, files: sound }
}

const CHANGES: readonly string[] = ['added', 'removed', 'changed']

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]: V })
}
