import { rm } from 'node:fs/promises'
import {
  type CallOptions,
  type Digest,
  isPresent,
  type Patience,
  removeAbandonedFiles,
  withLock,
} from '../core/index.ts'
import type { BlobInfo } from './blob-file.ts'
import type { BlobStore } from './blobs.ts'
import { dropOldEntries } from './cache.ts'
import { storedChildren } from './children.ts'
import type { DerivedBlobs } from './derived.ts'
import type { StoreLayout } from './layout.ts'
import { findPartials, type PartialInfo, removePartials } from './partials.ts'
import type { Records } from './records.ts'
import { type Referrer, readUntagged } from './referrers.ts'
import { giveUpReserve, keepReserve } from './reserve.ts'
import { scanSessions, settleDoubts } from './session.ts'
import { removeGarbage } from './sweep.ts'
import { createUploadFiles, UPLOAD_IDLE_MS } from './uploads.ts'

export interface GcOptions extends CallOptions {
  readonly dryRun?: boolean
  /** Also what arrived in pieces lately, and is not whole. */
  readonly partials?: boolean
  /** How long to wait for another `gc`, in milliseconds. */
  readonly lockTimeoutMs?: number
  /** With processes that cannot be looked at. */
  readonly patience?: Patience
}

export interface GcReport {
  readonly removed: readonly BlobInfo[]
  readonly removedBytes: number
  readonly kept: number
  /** What killed processes had left half-written. */
  readonly abandoned: number
  /** What had begun to arrive and was not taken up again. */
  readonly partials: number
  /** That it took on the disk. */
  readonly partialBytes: number
}

export const NOTHING_COLLECTED: GcReport = {
  removed: [],
  removedBytes: 0,
  kept: 0,
  abandoned: 0,
  partials: 0,
  partialBytes: 0,
}

/** Whoever wants to take it up again does so within that time. */
const PARTIAL_MS = 7 * 24 * 60 * 60_000

interface Parts {
  readonly layout: StoreLayout
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  readonly records: Records
}

/**
 * Removes every blob that no tag, number or live session needs. Its lock announces it; then the leases are read, and
 * the tags only after them: what a session publishes and then stops leasing is seen by one of the two.
 * A dry run needs no lock, and so can be had of a store that this user cannot write to.
 */
export async function collectGarbage(parts: Parts, options: GcOptions = {}): Promise<GcReport> {
  const { layout } = parts
  const { patience, signal } = options
  // Before the lock, because everybody who leases waits for it.
  await settleDoubts(layout, { patience, signal })
  if (options.dryRun) {
    const { report } = await findGarbage(parts, patience)
    return { ...report, ...totalOf(await stalePartials(layout, options)) }
  }
  await giveUpReserve(layout)
  const lock = { timeoutMs: options.lockTimeoutMs ?? 30_000, signal, sharing: layout.sharing, patience }
  const report = await withLock(layout.gcLock, lock, () => sweep(parts, options))
  const partials = await removePartials(layout, await stalePartials(layout, options), patience)
  await keepReserve(layout)
  return { ...report, ...totalOf(partials) }
}

function stalePartials(
  layout: StoreLayout,
  { partials = false }: GcOptions,
): Promise<readonly PartialInfo[]> {
  return findPartials(layout, partials ? 0 : PARTIAL_MS)
}

function totalOf(partials: readonly PartialInfo[]): Pick<GcReport, 'partials' | 'partialBytes'> {
  return { partials: partials.length, partialBytes: partials.reduce((sum, { bytes }) => sum + bytes, 0) }
}

interface Garbage {
  readonly report: GcReport
  readonly live: ReadonlySet<Digest>
  readonly abandoned: readonly string[]
}

async function findGarbage(parts: Parts, patience: Patience | undefined): Promise<Garbage> {
  const { leased, abandoned } = await scanSessions(parts.layout, { patience })
  const live = await mark(parts, leased)
  const stored = await parts.blobs.list()
  const removed = stored.filter((blob) => !live.has(blob.digest))
  const report = {
    removed,
    removedBytes: removed.reduce((sum, blob) => sum + blob.size, 0),
    kept: stored.length - removed.length,
    abandoned: abandoned.length,
    partials: 0,
    partialBytes: 0,
  }
  return { report, live, abandoned }
}

async function sweep(parts: Parts, { patience, signal }: GcOptions): Promise<GcReport> {
  const { layout, records } = parts
  const { report, live, abandoned } = await findGarbage(parts, patience)
  await sweepUntagged(records, live)
  await removeGarbage(parts, { garbage: report.removed, live }, { signal })
  await dropOldEntries(layout)
  for (const directory of abandoned) await rm(directory, { recursive: true, force: true })
  const uploads = createUploadFiles(layout)
  for (const id of await uploads.idle(UPLOAD_IDLE_MS)) await uploads.remove(id)
  for (const lock of [layout.gcLock, layout.indexLock, layout.formatLock]) {
    if (await isPresent(lock)) await removeAbandonedFiles(lock)
  }
  return report
}

/**
 * Everything that can be reached from tags, numbers, untagged manifests and leases. A manifest that is about another
 * one is reached from that one, never the other way round.
 */
export async function mark(parts: Parts, leased: Iterable<Digest> = []): Promise<ReadonlySet<Digest>> {
  const { roots, referrers } = await rootsOf(parts)
  const live = new Set<Digest>()
  const queue: Digest[] = [...leased, ...roots]
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (live.has(digest)) continue
    live.add(digest)
    const derived = await parts.derived.get(digest)
    queue.push(...(derived?.parts ?? (await referredFrom(parts.layout, digest))))
    queue.push(...(referrers.get(digest) ?? []))
  }
  return live
}

interface Roots {
  readonly roots: readonly Digest[]
  /** By their subjects. */
  readonly referrers: ReadonlyMap<Digest, readonly Digest[]>
}

async function rootsOf({ layout, records }: Parts): Promise<Roots> {
  const roots: Digest[] = []
  const referrers: Referrer[] = []
  for (const name of await records.listNames()) {
    roots.push(...(await records.listTags(name)).map((tag) => tag.digest))
    roots.push(...(await records.listVersions(name)).map((version) => version.digest))
    const untagged = await readUntagged(layout, records, name)
    roots.push(...untagged.others)
    referrers.push(...untagged.referrers)
  }
  const bySubject = new Map<Digest, Digest[]>()
  for (const { subject, digest } of referrers) {
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), digest])
  }
  return { roots, referrers: bySubject }
}

/** Before the blobs: an entry without its manifest would look like damage. */
async function sweepUntagged(records: Records, live: ReadonlySet<Digest>): Promise<void> {
  for (const name of await records.listNames()) {
    for (const digest of await records.listUntagged(name)) {
      if (!live.has(digest)) await records.removeUntagged(name, digest)
    }
  }
}

async function referredFrom(layout: StoreLayout, digest: Digest): Promise<readonly Digest[]> {
  return (await storedChildren(layout, digest)).map((child) => child.digest)
}
