import { type CallOptions, type Digest, syncDirectory, throwIfAborted } from '../core/index.ts'
import { createAliases } from './aliases.ts'
import type { BlobInfo } from './blob-file.ts'
import type { BlobStore } from './blobs.ts'
import { storedChildren } from './children.ts'
import type { DerivedBlobs } from './derived.ts'
import type { StoreLayout } from './layout.ts'

interface Parts {
  readonly layout: StoreLayout
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
}

/**
 * Removes blobs and derived layers that nothing needs. What refers goes before what it refers to, and for good: so a
 * `gc` that is cut short, by a loss of power even, leaves no manifest without its blobs or layers.
 */
export async function removeGarbage(
  parts: Parts,
  { garbage, live }: { readonly garbage: readonly BlobInfo[]; readonly live: ReadonlySet<Digest> },
  options: CallOptions = {},
): Promise<void> {
  const [others, ...manifests] = await byReference(parts.layout, garbage)
  for (const level of manifests.reverse()) await removeForGood(parts, level, options)
  await sweepDerived(parts, live)
  await createAliases(parts.layout).sweep(live)
  await removeForGood(parts, others, options)
}

/** They do not come back after a loss of power. */
async function removeForGood(
  { blobs, layout }: Parts,
  garbage: readonly BlobInfo[],
  { signal }: CallOptions,
): Promise<void> {
  for (const blob of garbage) {
    throwIfAborted(signal)
    await blobs.remove(blob.digest)
  }
  if (garbage.length > 0) await syncDirectory(layout.blobs)
}

/**
 * A recipe of which some part goes can make nothing any more; while they all stay, it saves hashing the layer again.
 * One without parts is cheap to make again, and stays only for the image that has it.
 */
async function sweepDerived({ derived, layout }: Parts, live: ReadonlySet<Digest>): Promise<void> {
  let removed = 0
  for (const digest of await derived.list()) {
    const blob = await derived.get(digest)
    if (blob === undefined || live.has(digest)) continue
    if (blob.parts.length > 0 && blob.parts.every((part) => live.has(part))) continue
    await derived.remove(digest)
    removed++
  }
  if (removed > 0) await syncDirectory(layout.derived)
}

/** First what refers to nothing, then what refers only to such before it, and so on: indexes come last. */
async function byReference(
  layout: StoreLayout,
  garbage: readonly BlobInfo[],
): Promise<readonly [readonly BlobInfo[], ...(readonly BlobInfo[])[]]> {
  const children = new Map<Digest, readonly Digest[]>()
  for (const { digest } of garbage) {
    const found = await storedChildren(layout, digest)
    if (found.length > 0)
      children.set(
        digest,
        found.map((child) => child.digest),
      )
  }
  const known = new Map<Digest, number>()
  const levelOf = (digest: Digest): number => {
    const below = children.get(digest) ?? []
    const level = known.get(digest) ?? below.reduce((level, child) => Math.max(level, 1 + levelOf(child)), 0)
    known.set(digest, level)
    return level
  }
  const levels: [BlobInfo[], ...BlobInfo[][]] = [[]]
  for (const blob of garbage) {
    const level = levelOf(blob.digest)
    while (levels.length <= level) levels.push([])
    levels[level]?.push(blob)
  }
  return levels
}
