import { type Digest, forEachLimited, isDigest } from '../core/index.ts'
import { arrayOf, parseJson, type RepositoryName, subjectOfManifest } from '../model/index.ts'
import { type Cache, createCache } from './cache.ts'
import { storedManifest } from './children.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Records } from './records.ts'
import type { Session } from './session.ts'

/** A manifest without a tag that is about another one (OCI image-spec, manifest.md, `subject`). It goes with its subject. */
export interface Referrer {
  readonly digest: Digest
  readonly subject: Digest
  /** Its `artifactType`; empty where it has none. */
  readonly type: string
  /** Of the manifest, in bytes. */
  readonly size: number
}

export interface Untagged {
  readonly referrers: readonly Referrer[]
  /** Those that are about nothing else, and those that cannot be read: nothing but a removal ends them. */
  readonly others: readonly Digest[]
}

/** A repository's manifests without a tag, each read. */
export async function readUntagged(
  layout: StoreLayout,
  records: Records,
  name: RepositoryName,
): Promise<Untagged> {
  const referrers: Referrer[] = []
  const others: Digest[] = []
  for (const digest of await records.listUntagged(name)) {
    const read = await readOne(layout, digest)
    if (read?.referrer === undefined) others.push(digest)
    else referrers.push(read.referrer)
  }
  return { referrers, others }
}

/** What is attached to what, each manifest read once, since none ever changes: what is known of them is kept in the cache. */
export interface KnownReferrers {
  /** The same list where nothing has changed since the last one. */
  list(name: RepositoryName): Promise<readonly Referrer[]>
  /** Writes down what has been read of manifests that the cache did not know, where that is much. */
  keep(session: Session): Promise<void>
}

/** Below `ballast/cache`. */
const KIND = 'referrers'
/** Fewer are read each time. */
const FEWEST = 8
/** So many that are not in the cache are read each time, until it is written anew. */
const MOST_UNKEPT = 64
const READ_AT_ONCE = 16

interface Known {
  /** Undefined for manifests that are about no other one. */
  readonly read: Map<Digest, Referrer | undefined>
  kept: number
  listed: { readonly untagged: readonly Digest[]; readonly referrers: readonly Referrer[] }
}

export function createKnownReferrers(layout: StoreLayout, records: Records): KnownReferrers {
  const cache = createCache(layout)
  const models = new Map<RepositoryName, Known>()

  function knownOf(name: RepositoryName, count: number): Known {
    const known = models.get(name)
    if (known !== undefined) return known
    const read = count < FEWEST ? new Map<Digest, Referrer>() : readKept(cache, name)
    const fresh: Known = { read, kept: read.size, listed: { untagged: [], referrers: [] } }
    models.set(name, fresh)
    return fresh
  }

  return {
    async list(name) {
      const untagged = await records.listUntagged(name)
      if (untagged.length === 0) return []
      const known = knownOf(name, untagged.length)
      const { listed, read } = known
      const isSame =
        listed.untagged.length === untagged.length &&
        untagged.every((digest, at) => digest === listed.untagged[at])
      if (isSame) return listed.referrers
      const unread = untagged.filter((digest) => !read.has(digest))
      await forEachLimited(unread, READ_AT_ONCE, async (digest) => {
        const found = await readOne(layout, digest)
        if (found !== undefined) read.set(digest, found.referrer)
      })
      const referrers = untagged.flatMap((digest) => read.get(digest) ?? [])
      // One that cannot be read now may be put there again.
      if (untagged.every((digest) => read.has(digest))) known.listed = { untagged, referrers }
      return referrers
    },
    async keep(session) {
      for (const [name, known] of models) {
        const unkept = known.read.size - known.kept
        if (unkept < Math.min(MOST_UNKEPT, Math.max(FEWEST, known.kept / 4))) continue
        await writeKept(cache, session, { name, known })
        known.kept = known.read.size
      }
    },
  }
}

/** Undefined where it is not there, or no manifest. */
async function readOne(
  layout: StoreLayout,
  digest: Digest,
): Promise<{ readonly referrer: Referrer | undefined } | undefined> {
  const bytes = await storedManifest(blobPath(layout, digest))
  if (bytes === undefined) return undefined
  const subject = subjectOfManifest(bytes)
  if (subject === undefined) return { referrer: undefined }
  const type = String(parseJson(bytes)?.artifactType ?? '')
  return { referrer: { digest, subject, type, size: bytes.length } }
}

function readKept(cache: Cache, name: RepositoryName): Map<Digest, Referrer | undefined> {
  const kept = cache.getMany(KIND, name)
  const read = new Map<Digest, Referrer | undefined>()
  for (const [digest, subject, type, size] of arrayOf(kept?.referrers) as readonly (readonly unknown[])[]) {
    if (typeof digest !== 'string' || !isDigest(digest)) continue
    if (subject === null) read.set(digest, undefined)
    else if (typeof subject === 'string' && isDigest(subject) && typeof size === 'number')
      read.set(digest, { digest, subject, type: String(type), size })
  }
  return read
}

async function writeKept(
  cache: Cache,
  session: Session,
  { name, known }: { readonly name: RepositoryName; readonly known: Known },
): Promise<void> {
  const there = new Set(known.listed.untagged)
  const referrers = [...known.read]
    .filter(([digest]) => there.has(digest))
    .map(([digest, of]) => (of === undefined ? [digest, null] : [digest, of.subject, of.type, of.size]))
  await cache.putMany(session, KIND, { name, content: { referrers } })
}
