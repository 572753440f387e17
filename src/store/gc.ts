import { rm } from 'node:fs/promises'
import { type CallOptions, type Digest, withLock } from '../core/index.ts'
import type { BlobInfo, BlobStore } from './blobs.ts'
import { dropOldEntries } from './cache.ts'
import { storedChildren } from './children.ts'
import type { DerivedBlobs } from './derived.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Records } from './records.ts'
import { type Referrer, readUntagged } from './referrers.ts'
import { scanSessions } from './session.ts'
import { removeGarbage } from './sweep.ts'

export interface GcOptions extends CallOptions {
  readonly dryRun?: boolean
  /** How long to wait for another `gc`, in milliseconds. */
  readonly lockTimeoutMs?: number
}

export interface GcReport {
  readonly removed: readonly BlobInfo[]
  readonly removedBytes: number
  readonly kept: number
  /** What killed processes had left half-written. */
  readonly abandoned: number
}

interface Parts {
  readonly layout: StoreLayout
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  readonly records: Records
}

/**
 * Removes every blob that no tag, number or live session needs. Its lock announces it; then the leases are read, and
 * the tags only after them: what a session publishes and then stops leasing is seen by one of the two.
 */
export async function collectGarbage(parts: Parts, options: GcOptions = {}): Promise<GcReport> {
  const { layout, blobs } = parts
  return withLock(
    layout.gcLock,
    { timeoutMs: options.lockTimeoutMs ?? 30_000, signal: options.signal },
    async (): Promise<GcReport> => {
      const { leased, abandoned } = await scanSessions(layout)
      const live = await mark(parts, leased)
      const stored = await blobs.list()
      const garbage = stored.filter((blob) => !live.has(blob.digest))
      const report: GcReport = {
        removed: garbage,
        removedBytes: garbage.reduce((sum, blob) => sum + blob.size, 0),
        kept: stored.length - garbage.length,
        abandoned: abandoned.length,
      }
      if (options.dryRun) return report
      await sweepUntagged(parts.records, live)
      await dropOldEntries(layout)
      await removeGarbage(parts, { garbage, live }, options)
      for (const directory of abandoned) await rm(directory, { recursive: true, force: true })
      return report
    },
  )
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
  return (await storedChildren(blobPath(layout, digest))).map((child) => child.digest)
}
