import type { Bucket } from '../buckets/index.ts'
import { type CallOptions, type Digest, digestOfHex, forEachLimited, isDigest } from '../core/index.ts'
import { followedFrom, isName, isTag, LARGEST_MANIFEST, mayBeManifest } from '../model/index.ts'
import { liveVersions, type TagMove, type VersionRecord } from '../store/index.ts'
import { blobKey, type RemoteLayout, tagPrefix, versionsPrefix } from './layout.ts'
import { openLog, recordKey } from './log.ts'
import { referrerOf } from './referrers.ts'

const AT_ONCE = 16

export interface ReachOptions extends CallOptions {
  /** In milliseconds, by the server's clock: what was given up later counts as if it had not been. */
  readonly before: number
}

/** Everything that can be reached from tags and numbers, and what is attached to it. */
export async function liveDigests(
  bucket: Bucket,
  layout: RemoteLayout,
  options: ReachOptions,
): Promise<ReadonlySet<Digest>> {
  const { roots, referrers } = await rootsOf(bucket, layout, options)
  const live = new Set<Digest>()
  let queue: readonly Digest[] = roots
  while (queue.length > 0) {
    const fresh = [...new Set(queue)].filter((digest) => !live.has(digest))
    const next: Digest[] = []
    const follow = async (digest: Digest, signal: AbortSignal): Promise<void> => {
      live.add(digest)
      next.push(
        ...(referrers.get(digest) ?? []),
        ...(await childrenIn(bucket, blobKey(layout, digest), { signal })),
      )
    }
    await forEachLimited(fresh, AT_ONCE, follow, options.signal)
    queue = next
  }
  return live
}

interface Roots {
  readonly roots: readonly Digest[]
  /** By their subjects. */
  readonly referrers: ReadonlyMap<Digest, readonly Digest[]>
}

async function rootsOf(
  bucket: Bucket,
  layout: RemoteLayout,
  { before, ...options }: ReachOptions,
): Promise<Roots> {
  const [tags, models, recent] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const referrers = new Map<Digest, Digest[]>()
  for await (const { key, modified } of bucket.list(layout.repositories, options)) {
    const [name = '', kind, first = ''] = key.slice(layout.repositories.length).split('/')
    if (!isName(name)) continue
    if (modified.getTime() > before) recent.add(key)
    if (kind === 'versions') models.add(versionsPrefix(layout, name))
    if (kind === 'tags' && isTag(first)) tags.add(tagPrefix(layout, name, first))
    const referrer = kind === 'referrers' ? referrerOf(key) : undefined
    if (referrer === undefined) continue
    const subject = digestOfHex(first)
    referrers.set(subject, [...(referrers.get(subject) ?? []), referrer])
  }
  const roots: Digest[] = []
  for (const prefix of tags) roots.push(...(await tagRoots(bucket, { prefix, recent }, options)))
  for (const prefix of models) roots.push(...(await versionRoots(bucket, { prefix, recent }, options)))
  return { roots, referrers }
}

interface LogOf {
  readonly prefix: string
  /** Keys of records that are too new for what they have ended to be given up. */
  readonly recent: ReadonlySet<string>
}

/** What the tag points to, and what it pointed to before its latest moves. */
async function tagRoots(
  bucket: Bucket,
  { prefix, recent }: LogOf,
  options: CallOptions,
): Promise<readonly Digest[]> {
  const log = await openLog<TagMove>(bucket, prefix).all(options)
  return log.flatMap(({ record: { digest } }, at) => {
    const next = log[at + 1]
    const counts = next === undefined || recent.has(recordKey(prefix, next.sequence))
    return counts && digest !== null ? [digest] : []
  })
}

async function versionRoots(
  bucket: Bucket,
  { prefix, recent }: LogOf,
  options: CallOptions,
): Promise<readonly Digest[]> {
  const log = await openLog<VersionRecord>(bucket, prefix).all(options)
  const settled = log.filter(
    ({ record, sequence }) => !('removed' in record && recent.has(recordKey(prefix, sequence))),
  )
  return liveVersions(settled).map(({ digest }) => digest)
}

/** What a blob refers to; nothing for one that is absent, or no manifest. Large ones are not read. */
async function childrenIn(bucket: Bucket, key: string, options: CallOptions): Promise<readonly Digest[]> {
  const object = await bucket.head(key, options)
  if (object === undefined || object.size > LARGEST_MANIFEST) return []
  const bytes = await bucket.get(key, { ...options, limit: LARGEST_MANIFEST })
  if (bytes === undefined || !mayBeManifest(bytes)) return []
  return followedFrom(bytes).flatMap(({ digest }) => (isDigest(digest) ? [digest] : []))
}
