import type { Digest } from '../core/index.ts'
import type { BlobInfo } from './blob-file.ts'
import type { StoreLayout } from './layout.ts'
import { project } from './projection.ts'
import type { Reachable } from './reachable.ts'
import type { Records } from './records.ts'
import type { KnownReferrers } from './referrers.ts'
import {
  byPlace,
  candidatesFor,
  type Hold,
  heldByTags,
  type KeptVersion,
  type RetentionPolicy,
  returnsToFormer,
  type TagFacts,
  type VersionFacts,
  withinBudget,
} from './retention.ts'
import type { Session } from './session.ts'

/** What else than tags and leases holds a version. */
export interface Holding {
  readonly digest: Digest
  readonly hold: Hold
}

export interface Retention {
  readonly policy: RetentionPolicy
  /** Asked while the lock of `gc` is held, so that nobody who comes to hold a version is overlooked. */
  readonly holdings: () => Promise<readonly Holding[]>
}

export interface RetentionReport {
  /** The oldest first. */
  readonly removed: readonly VersionFacts[]
  readonly kept: readonly KeptVersion[]
  /** What blobs take, in bytes; above `limit` where everything else is held. */
  readonly budget?: { readonly limit: number; readonly before: number; readonly after: number }
}

/** Which versions go, and why the others stay. To be asked after the leases were read. */
export async function chooseVersions(
  { records }: { readonly records: Records },
  {
    retention: { policy, holdings },
    leased,
    reachable,
    stored,
  }: {
    readonly retention: Retention
    readonly leased: ReadonlySet<Digest>
    readonly reachable: Reachable
    readonly stored: readonly BlobInfo[]
  },
): Promise<RetentionReport> {
  const byDigest = Map.groupBy(await holdings(), ({ digest }) => digest)
  const byTag = new Map<string, readonly Hold[]>()
  const versions: VersionFacts[] = []
  for (const model of await records.listNames()) {
    const numbered = await records.listVersions(model)
    if (numbered.length === 0) continue
    versions.push(...numbered.map(({ number, digest, time }) => ({ model, number, digest, time })))
    const tags: TagFacts[] = []
    for (const { tag, digest } of await records.listTags(model)) {
      const moves = returnsToFormer(tag) ? await records.history(model, tag) : []
      tags.push({ tag, digest, former: moves.map(({ record }) => record.digest) })
    }
    for (const [digest, holds] of heldByTags(model, { versions: numbered, tags })) {
      byTag.set(`${model}@${digest}`, holds)
    }
  }
  const held = ({ model, digest }: VersionFacts): readonly Hold[] => [
    ...(byTag.get(`${model}@${digest}`) ?? []),
    ...(byDigest.get(digest) ?? []).map(({ hold }) => hold),
    ...(leased.has(digest) ? [{ kind: 'lease', by: 'a command that is at work' } as const] : []),
  ]
  const { kept, free } = candidatesFor(versions, { policy, held, now: Date.now() })
  if (policy.budget === undefined) return { removed: free, kept }
  const sizes = new Map(stored.map(({ digest, size }) => [digest, size]))
  const sizeOf = (digest: Digest): number => sizes.get(digest) ?? 0
  const isFree = new Set(free.map(({ model, number }) => `${model}:${number}`))
  const needed = await reachable.from(leased, {
    without: (model, number) => isFree.has(`${model}:${number}`),
  })
  const own = new Map<Digest, ReadonlySet<Digest>>()
  for (const { digest } of free) if (!own.has(digest)) own.set(digest, await reachable.below(digest))
  const all = new Set(needed)
  for (const blobs of own.values()) for (const blob of blobs) all.add(blob)
  const before = [...all].reduce((sum, digest) => sum + sizeOf(digest), 0)
  const { removed, spared, after } = withinBudget(free, {
    before,
    budget: policy.budget,
    weights: {
      sizeOf,
      blobsOf: ({ digest }) => own.get(digest) ?? [],
      isNeeded: (digest) => needed.has(digest),
    },
  })
  const because: readonly Hold[] = [{ kind: 'budget', by: `${policy.budget}` }]
  return {
    removed,
    kept: [...kept, ...spared.map((version) => ({ ...version, because }))].sort(byPlace),
    budget: { limit: policy.budget, before, after },
  }
}

/** What goes, goes from the numbers and from `index.json` before any of its bytes does. */
export async function removeVersions(
  parts: { readonly layout: StoreLayout; readonly records: Records; readonly referrers: KnownReferrers },
  session: Session,
  removed: readonly VersionFacts[],
): Promise<void> {
  for (const [model, versions] of Map.groupBy(removed, ({ model }) => model)) {
    const numbers = versions.map(({ number }) => number)
    await parts.records.removeVersions(session, model, numbers)
  }
  if (removed.length > 0) await project(parts, session)
}
