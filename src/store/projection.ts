import { stat } from 'node:fs/promises'
import {
  createPauses,
  type Digest,
  isSystemError,
  readIfPresent,
  withLock,
  writeFileDurably,
} from '../core/index.ts'
import { MODEL_MANIFEST, OCI_INDEX, OCI_MANIFEST, REF_NAME, type RepositoryName } from '../model/index.ts'
import { blobPath, fileOptions, type StoreLayout } from './layout.ts'
import type { NumberedVersion } from './record-rules.ts'
import type { CurrentTag, Records } from './records.ts'
import type { KnownReferrers, Referrer } from './referrers.ts'
import type { Session } from './session.ts'

const LOCK_TIMEOUT_MS = 60_000

interface Parts {
  readonly layout: StoreLayout
  readonly records: Records
  readonly referrers: KnownReferrers
}

export interface ProjectOptions {
  /** Look for every manifest, and not for those alone that the index does not name yet. */
  readonly anew?: boolean
}

/**
 * Rewrites `index.json` from the tags, for tools that read OCI layouts. The tags are the truth and the index follows:
 * they are read again after the rename, because one may have moved while the index was on its way.
 */
export async function project(
  parts: Parts,
  session: Session,
  { anew = false }: ProjectOptions = {},
): Promise<void> {
  const { layout, referrers } = parts
  const lock = { timeoutMs: LOCK_TIMEOUT_MS, sharing: layout.sharing }
  await withLock(layout.indexLock, lock, async () => {
    let written: readonly ListedModel[] | undefined
    for (;;) {
      const models = await listModels(parts)
      if (written !== undefined && isSame(models, written)) return
      const current = await currentIndex(layout)
      const wanted = await encodeIndex(layout, models, anew ? new Map() : sizesIn(current ?? ''))
      if (wanted !== current) await writeFileDurably(layout.index, wanted, fileOptions(layout, session))
      written = models
    }
  })
  await referrers.keep(session)
}

export async function isProjected(parts: Parts): Promise<boolean> {
  const wanted = await encodeIndex(parts.layout, await listModels(parts), new Map())
  return (await currentIndex(parts.layout)) === wanted
}

async function currentIndex(layout: StoreLayout): Promise<string | undefined> {
  return (await readIfPresent(layout.index))?.toString('utf8')
}

interface ListedModel {
  readonly name: RepositoryName
  readonly versions: readonly NumberedVersion[]
  /** Of models alone: the layers of images are derived and stand in no file, so that no other tool could read them from here. */
  readonly tags: readonly CurrentTag[]
  /** Tools find them by their subjects, without a name. */
  readonly referrers: readonly Referrer[]
}

async function listModels({ records, referrers }: Parts): Promise<readonly ListedModel[]> {
  const models: ListedModel[] = []
  const pause = createPauses()
  for (const name of await records.listNames()) {
    models.push({
      name,
      versions: await records.listVersions(name),
      tags: (await records.listTags(name)).filter((tag) => tag.kind === 'model'),
      referrers: await referrers.list(name),
    })
    await pause()
  }
  return models
}

function isSame(some: readonly ListedModel[], others: readonly ListedModel[]): boolean {
  return areSame(
    some,
    others,
    (a, b) =>
      a.name === b.name &&
      areSame(a.versions, b.versions, (x, y) => x.number === y.number && x.digest === y.digest) &&
      areSame(a.tags, b.tags, (x, y) => x.tag === y.tag && x.digest === y.digest) &&
      areSame(a.referrers, b.referrers, (x, y) => x.digest === y.digest),
  )
}

/** What has not changed is mostly the same list each time it is read. */
function areSame<T>(some: readonly T[], others: readonly T[], isEqual: (a: T, b: T) => boolean): boolean {
  if (some === others) return true
  return some.length === others.length && some.every((one, at) => isEqual(one, others[at] as T))
}

/** Sizes of manifests that the index names, which were there when it was written. */
function sizesIn(index: string): ReadonlyMap<Digest, number> {
  const sizes = new Map<Digest, number>()
  for (const [, digest, size] of index.matchAll(/"digest":"(sha256:[0-9a-f]{64})","size":(\d+)/g))
    sizes.set(digest as Digest, Number(size))
  return sizes
}

async function encodeIndex(
  layout: StoreLayout,
  models: readonly ListedModel[],
  known: ReadonlyMap<Digest, number>,
): Promise<string> {
  const manifests: unknown[] = []
  for (const { name, versions, tags, referrers } of models) {
    const named = [
      ...versions.map(({ number, digest }) => ({ tag: `${number}`, digest })),
      ...tags.map(({ tag, digest }) => ({ tag: `${tag}`, digest })),
    ]
    for (const { tag, digest } of named) {
      const size = known.get(digest) ?? (await sizeThere(layout, digest))
      if (size === undefined) continue
      manifests.push({
        mediaType: OCI_MANIFEST,
        digest,
        size,
        annotations: { [REF_NAME]: `${name}:${tag}` },
        artifactType: MODEL_MANIFEST,
      })
    }
    const subjects = new Set(named.map(({ digest }) => digest))
    for (const { digest, subject } of referrers) {
      if (!subjects.has(subject)) continue
      const size = known.get(digest) ?? (await sizeThere(layout, digest))
      if (size !== undefined) manifests.push({ mediaType: OCI_MANIFEST, digest, size })
    }
  }
  return `${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })}\n`
}

async function sizeThere(layout: StoreLayout, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(blobPath(layout, digest))).size
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}
