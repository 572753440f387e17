import type { Digest } from '../core/index.ts'
import type { RepositoryName } from '../model/index.ts'
import { storedChildren } from './children.ts'
import type { DerivedBlobs } from './derived.ts'
import type { StoreLayout } from './layout.ts'
import type { Records } from './records.ts'
import { type Referrer, readUntagged } from './referrers.ts'

interface Parts {
  readonly layout: StoreLayout
  readonly derived: DerivedBlobs
  readonly records: Records
}

export interface ReachOptions {
  /** Versions that lead to nothing. */
  readonly without?: ((model: RepositoryName, number: number) => boolean) | undefined
}

/** What leads to what in a store, as it was when it was read. Each manifest is read once. */
export interface Reachable {
  /** From tags, numbers, untagged manifests and these. */
  from(leased: Iterable<Digest>, options?: ReachOptions): Promise<ReadonlySet<Digest>>
  /** From this one alone, with itself. */
  below(digest: Digest): Promise<ReadonlySet<Digest>>
}

/**
 * A manifest that is about another one is reached from that one, never the other way round. Leases are to be read
 * before: what a session publishes and then stops leasing is seen by one of the two.
 */
export async function readReachable(parts: Parts): Promise<Reachable> {
  const { roots, versions, referrers } = await rootsOf(parts)
  const known = new Map<Digest, readonly Digest[]>()

  async function nextOf(digest: Digest): Promise<readonly Digest[]> {
    const found = known.get(digest)
    if (found !== undefined) return found
    const recipe = await parts.derived.get(digest)
    const children =
      recipe?.parts ?? (await storedChildren(parts.layout, digest)).map((child) => child.digest)
    const attached = (referrers.get(digest) ?? []).map((referrer) => referrer.digest)
    const next = [...children, ...attached]
    known.set(digest, next)
    return next
  }

  async function walk(queue: Digest[]): Promise<ReadonlySet<Digest>> {
    const live = new Set<Digest>()
    for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
      if (live.has(digest)) continue
      live.add(digest)
      queue.push(...(await nextOf(digest)))
    }
    return live
  }

  return {
    from(leased, { without } = {}) {
      const numbered = versions.filter(({ model, number }) => without?.(model, number) !== true)
      return walk([...leased, ...roots, ...numbered.map(({ digest }) => digest)])
    },
    below: (digest) => walk([digest]),
  }
}

interface Roots {
  /** But for the versions. */
  readonly roots: readonly Digest[]
  readonly versions: readonly {
    readonly model: RepositoryName
    readonly number: number
    readonly digest: Digest
  }[]
  /** By their subjects. */
  readonly referrers: ReadonlyMap<Digest, readonly Referrer[]>
}

async function rootsOf({ layout, records }: Parts): Promise<Roots> {
  const roots: Digest[] = []
  const versions: Roots['versions'][number][] = []
  const referrers: Referrer[] = []
  for (const name of await records.listNames()) {
    for (const { digest } of await records.listTags(name)) roots.push(digest)
    for (const { number, digest } of await records.listVersions(name)) {
      versions.push({ model: name, number, digest })
    }
    const untagged = await readUntagged(layout, records, name)
    for (const digest of untagged.others) roots.push(digest)
    for (const referrer of untagged.referrers) referrers.push(referrer)
  }
  return { roots, versions, referrers: Map.groupBy(referrers, ({ subject }) => subject) }
}
