import { type CallOptions, type Digest, forEachLimited, isPresent } from '../core/index.ts'
import { FILE_PATH, formatReference, type RepositoryName } from '../model/index.ts'
import type { BlobInfo } from './blob-file.ts'
import type { BlobStore } from './blobs.ts'
import { storedChildren } from './children.ts'
import type { DerivedBlobs } from './derived.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Records } from './records.ts'
import { readUntagged } from './referrers.ts'
import { type LogsReport, verifyLogs } from './verify-logs.ts'

export interface Problem {
  readonly kind: 'damaged' | 'missing'
  readonly digest: Digest
  /** What needs it, for people: `sentiment:3 weights.bin`; empty where nothing does. */
  readonly neededBy: readonly string[]
}

export interface VerifyReport {
  readonly blobs: number
  readonly bytes: number
  readonly problems: readonly Problem[]
  /** Of all records of tags and numbers. */
  readonly histories: LogsReport
}

interface Parts {
  readonly layout: StoreLayout
  readonly blobs: BlobStore
  readonly derived: DerivedBlobs
  readonly records: Records
}

/** Reads and hashes every blob, follows every tag and number down to its blobs, and every history from record to record. Blobs found sound again are cleared. */
export async function verifyStore(parts: Parts, options: CallOptions = {}): Promise<VerifyReport> {
  const stored = await parts.blobs.list()
  const damaged = new Set<Digest>()
  for (const { digest, size } of stored)
    options.onProgress?.({ kind: 'plan', step: 'verify', item: digest, total: size })
  await forEachLimited(stored, 2, async (blob) => {
    if ((await parts.blobs.rehash(blob, options)) === 'damaged') damaged.add(blob.digest)
  })
  const needed = await neededBlobs(parts)
  const problems: Problem[] = []
  for (const digest of damaged) problems.push({ kind: 'damaged', digest, neededBy: needed.get(digest) ?? [] })
  const present = new Set(stored.map((blob) => blob.digest))
  const absent = await absentOf(
    parts.layout,
    [...needed.keys()].filter((digest) => !present.has(digest)),
  )
  // What is absent and needed may have been removed, and collected, since that was read.
  const stillNeeded = absent.length === 0 ? needed : await neededBlobs(parts)
  for (const digest of absent) {
    const neededBy = stillNeeded.get(digest)
    if (neededBy !== undefined) problems.push({ kind: 'missing', digest, neededBy })
  }
  return {
    blobs: stored.length,
    bytes: stored.reduce((sum, blob: BlobInfo) => sum + blob.size, 0),
    problems,
    histories: await verifyLogs(parts.layout, parts.records, options),
  }
}

/** Those that are not there now: what was not there at first may have been added meanwhile. */
async function absentOf(layout: StoreLayout, digests: readonly Digest[]): Promise<readonly Digest[]> {
  const absent: Digest[] = []
  for (const digest of digests) if (!(await isPresent(blobPath(layout, digest)))) absent.push(digest)
  return absent
}

/** Stored blobs that some tag or number leads to, with the names of what needs them. */
async function neededBlobs({
  layout,
  blobs,
  derived,
  records,
}: Parts): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const needed = new Map<Digest, Set<string>>()
  const visit = async (digest: Digest, name: string): Promise<void> => {
    const names = needed.get(digest)
    if (names?.has(name)) return
    const recipe = await derived.get(digest)
    if (recipe !== undefined && (await blobs.stat(digest)) === undefined) {
      for (const part of recipe.parts) await visit(part, name)
      return
    }
    if (names === undefined) needed.set(digest, new Set([name]))
    else names.add(name)
    for (const { child, label } of await childrenOrNone({ layout, blobs }, digest)) {
      await visit(child, label === undefined ? name : `${name.split(' ')[0]} ${label}`)
    }
  }
  for (const name of await records.listNames()) {
    for (const { digest, reference } of await referencesOf(layout, records, name))
      await visit(digest, reference)
  }
  return new Map([...needed].map(([digest, names]) => [digest, [...names]]))
}

async function referencesOf(
  layout: StoreLayout,
  records: Records,
  name: RepositoryName,
): Promise<readonly { readonly digest: Digest; readonly reference: string }[]> {
  const versions = (await records.listVersions(name)).map(({ digest, number }) => ({
    digest,
    reference: `${name}:${number}`,
  }))
  const numbered = new Set(versions.map(({ digest }) => digest))
  const tags = (await records.listTags(name))
    .filter(({ digest }) => !numbered.has(digest))
    .map(({ digest, tag }) => ({ digest, reference: formatReference({ name, tag }) }))
  const { referrers, others } = await readUntagged(layout, records, name)
  const untagged = others.map((digest) => ({ digest, reference: formatReference({ name, digest }) }))
  const named = [...versions, ...tags, ...untagged]
  // What is about something that is gone is needed by nothing, and goes with the next `gc`.
  const byDigest = new Map(named.toReversed().map(({ digest, reference }) => [digest, reference]))
  const attached = referrers.flatMap(({ digest, subject }) => {
    const about = byDigest.get(subject)
    return about === undefined ? [] : [{ digest, reference: `${about} (what is attached to it)` }]
  })
  return [...named, ...attached]
}

async function childrenOrNone(
  { layout, blobs }: Pick<Parts, 'layout' | 'blobs'>,
  digest: Digest,
): Promise<readonly { readonly child: Digest; readonly label: string | undefined }[]> {
  if ((await blobs.stat(digest)) === undefined) return []
  return (await storedChildren(layout, digest)).map((child) => ({
    child: child.digest,
    label: child.annotations?.[FILE_PATH],
  }))
}
