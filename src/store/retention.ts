import type { Digest } from '../core/index.ts'
import { LATEST, type RepositoryName } from '../model/index.ts'

/**
 * Which versions `gc` leaves in a store. Those that `keepLast` and `keepWithinMs` name stay, and of the others all go; with
 * `budget` only as many as it takes, the oldest first. The newest version of each model stays, and whatever is held.
 */
export interface RetentionPolicy {
  readonly keepLast?: number | undefined
  /** Since they were added here, in milliseconds. */
  readonly keepWithinMs?: number | undefined
  /** What blobs may take, in bytes. */
  readonly budget?: number | undefined
}

/** What keeps a version, and which one of its kind: `tag` `sentiment:prod`. */
export interface Hold {
  readonly kind:
    | 'newest'
    | 'last'
    | 'within'
    | 'budget'
    | 'tag'
    | 'rollback'
    | 'lease'
    | 'image'
    | 'target'
    | 'volume'
    | 'container'
  readonly by: string
}

export interface VersionFacts {
  readonly model: RepositoryName
  readonly number: number
  readonly digest: Digest
  /** When it was added here; ISO 8601. */
  readonly time: string
}

export interface KeptVersion extends VersionFacts {
  readonly because: readonly Hold[]
}

interface Candidates {
  readonly kept: readonly KeptVersion[]
  /** The oldest first. */
  readonly free: readonly VersionFacts[]
}

/** Which versions may go by the policy's rules. `held` says what else holds one. */
export function candidatesFor(
  versions: readonly VersionFacts[],
  {
    policy,
    held,
    now,
  }: {
    readonly policy: RetentionPolicy
    readonly held: (version: VersionFacts) => readonly Hold[]
    readonly now: number
  },
): Candidates {
  const { keepLast = 0, keepWithinMs } = policy
  const kept: KeptVersion[] = []
  const free: VersionFacts[] = []
  for (const [, ofModel] of Map.groupBy(versions, ({ model }) => model)) {
    const newestFirst = ofModel.toSorted((a, b) => b.number - a.number)
    for (const [at, version] of newestFirst.entries()) {
      const age = now - Date.parse(version.time)
      // A time that cannot be read, or lies ahead by a clock that was wrong, makes nothing old.
      const isYoung = keepWithinMs !== undefined && !(age > keepWithinMs)
      const because: readonly Hold[] = [
        ...(at === 0 ? [{ kind: 'newest', by: version.model } as const] : []),
        ...(at > 0 && at < keepLast ? [{ kind: 'last', by: `${keepLast}` } as const] : []),
        ...(isYoung ? [{ kind: 'within', by: version.time } as const] : []),
        ...held(version),
      ]
      if (because.length > 0) kept.push({ ...version, because })
      else free.push(version)
    }
  }
  return { kept: kept.sort(byPlace), free: free.sort(byAge) }
}

export interface TagFacts {
  readonly tag: string
  readonly digest: Digest
  /** What it pointed to before, the oldest first. */
  readonly former: readonly (Digest | null)[]
}

/** `latest` follows what is added, so that nobody rolls back to what it was. */
export function returnsToFormer(tag: string): boolean {
  return tag !== LATEST
}

/** What a model's tags hold, by digest: what they point to, and what a rollback returns to. */
export function heldByTags(
  model: RepositoryName,
  {
    versions,
    tags,
  }: { readonly versions: readonly { readonly digest: Digest }[]; readonly tags: readonly TagFacts[] },
): ReadonlyMap<Digest, readonly Hold[]> {
  const known = new Set(versions.map(({ digest }) => digest))
  const holds = new Map<Digest, Hold[]>()
  const hold = (digest: Digest, kind: 'tag' | 'rollback', tag: string): void => {
    holds.set(digest, [...(holds.get(digest) ?? []), { kind, by: `${model}:${tag}` }])
  }
  for (const { tag, digest, former } of tags) {
    hold(digest, 'tag', tag)
    const before = former.findLast((each) => each !== null && each !== digest && known.has(each))
    if (returnsToFormer(tag) && before !== undefined && before !== null) hold(before, 'rollback', tag)
  }
  return holds
}

export interface Weights {
  /** Of each blob that is stored, in bytes. */
  readonly sizeOf: (blob: Digest) => number
  /** All blobs that a version needs. */
  readonly blobsOf: (version: VersionFacts) => Iterable<Digest>
  /** Needed by what stays in any case. */
  readonly isNeeded: (blob: Digest) => boolean
}

export interface Budgeted {
  readonly removed: readonly VersionFacts[]
  /** That the budget leaves. */
  readonly spared: readonly VersionFacts[]
  /** What blobs take then, in bytes. */
  readonly after: number
}

/** As many of `free`, which has the oldest first, as it takes to come from `before` bytes below the budget. */
export function withinBudget(
  free: readonly VersionFacts[],
  {
    before,
    budget,
    weights: { sizeOf, blobsOf, isNeeded },
  }: { readonly before: number; readonly budget: number; readonly weights: Weights },
): Budgeted {
  const users = new Map<Digest, number>()
  const own = free.map((version) => [...new Set(blobsOf(version))].filter((blob) => !isNeeded(blob)))
  for (const blob of own.flat()) users.set(blob, (users.get(blob) ?? 0) + 1)
  let after = before
  let count = 0
  for (; count < free.length && after > budget; count++) {
    for (const blob of own[count] ?? []) {
      const left = (users.get(blob) ?? 0) - 1
      users.set(blob, left)
      if (left === 0) after -= sizeOf(blob)
    }
  }
  return { removed: free.slice(0, count), spared: free.slice(count), after }
}

/** By model, then by number. */
export function byPlace(a: VersionFacts, b: VersionFacts): number {
  if (a.model !== b.model) return a.model < b.model ? -1 : 1
  return a.number - b.number
}

function byAge(a: VersionFacts, b: VersionFacts): number {
  return Date.parse(a.time) - Date.parse(b.time) || byPlace(a, b)
}
