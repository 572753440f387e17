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
import { chooseVersions, type Retention, type RetentionReport, removeVersions } from './choose-versions.ts'
import type { DerivedBlobs } from './derived.ts'
import type { StoreLayout } from './layout.ts'
import { findPartials, type PartialInfo, removePartials } from './partials.ts'
import { readReachable } from './reachable.ts'
import type { Records } from './records.ts'
import type { KnownReferrers } from './referrers.ts'
import { giveUpReserve, keepReserve } from './reserve.ts'
import { type Session, scanSessions, settleDoubts } from './session.ts'
import { removeGarbage } from './sweep.ts'
import { createUploadFiles, UPLOAD_IDLE_MS } from './uploads.ts'

export interface GcOptions extends CallOptions {
  readonly dryRun?: boolean
  /** Which versions go, too; by default none does. */
  readonly retention?: Retention | undefined
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
  /** Where versions were chosen. */
  readonly retention?: RetentionReport
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
  readonly referrers: KnownReferrers
}

/**
 * Removes the versions that `retention` does not keep, and every blob that no tag, number or live session needs. Its lock
 * announces it; then the leases are read, and the tags only after them: what a session publishes and then stops leasing is
 * seen by one of the two.
 * `begin` opens a session for what is written. A dry run needs no lock, and so can be had of a store that this user cannot write to.
 */
export async function collectGarbage(
  parts: Parts,
  { begin, ...options }: GcOptions & { readonly begin: () => Promise<Session> },
): Promise<GcReport> {
  const { layout } = parts
  const { patience, signal } = options
  // Before the lock, because everybody who leases waits for it.
  await settleDoubts(layout, { patience, signal })
  if (options.dryRun) {
    const { report } = await findGarbage(parts, options)
    return { ...report, ...totalOf(await stalePartials(layout, options)) }
  }
  await giveUpReserve(layout)
  const lock = { timeoutMs: options.lockTimeoutMs ?? 30_000, signal, sharing: layout.sharing, patience }
  // Its leases are none, and it opens before the lock for which those who lease wait.
  await using session = options.retention === undefined ? undefined : await begin()
  const report = await withLock(layout.gcLock, lock, () => sweep(parts, { ...options, session }))
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

async function findGarbage(parts: Parts, { patience, retention }: GcOptions): Promise<Garbage> {
  const { leased, abandoned } = await scanSessions(parts.layout, { patience })
  const reachable = await readReachable(parts)
  const stored = await parts.blobs.list()
  const chosen = retention && (await chooseVersions(parts, { retention, leased, reachable, stored }))
  const gone = new Set(chosen?.removed.map(({ model, number }) => `${model}:${number}`))
  const live = await reachable.from(leased, { without: (model, number) => gone.has(`${model}:${number}`) })
  const removed = stored.filter((blob) => !live.has(blob.digest))
  const report = {
    removed,
    removedBytes: removed.reduce((sum, blob) => sum + blob.size, 0),
    kept: stored.length - removed.length,
    abandoned: abandoned.length,
    partials: 0,
    partialBytes: 0,
    ...(chosen && { retention: chosen }),
  }
  return { report, live, abandoned }
}

async function sweep(
  parts: Parts,
  { session, ...options }: GcOptions & { readonly session: Session | undefined },
): Promise<GcReport> {
  const { layout, records } = parts
  const { signal } = options
  const { report, live, abandoned } = await findGarbage(parts, options)
  if (session !== undefined) await removeVersions(parts, session, report.retention?.removed ?? [])
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

/** Before the blobs: an entry without its manifest would look like damage. */
async function sweepUntagged(records: Records, live: ReadonlySet<Digest>): Promise<void> {
  for (const name of await records.listNames()) {
    for (const digest of await records.listUntagged(name)) {
      if (!live.has(digest)) await records.removeUntagged(name, digest)
    }
  }
}
