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
/** A lock is taken from a process that has given no sign of life for two minutes. */
const HELD_MS = 30_000

interface Parts {
  readonly layout: StoreLayout
  readonly records: Records
  readonly referrers: KnownReferrers
}

export interface ProjectOptions {
  /** Look for every manifest, and not for those alone that the index does not name yet. */
  readonly anew?: boolean
  /** In milliseconds: for so long nobody can have taken the lock for abandoned. */
  readonly heldMs?: number
}

/**
 * Rewrites `index.json` from the tags, for tools that read OCI layouts. The tags are the truth and the index follows: whoever moves
 * one comes here after it. Where this process was stopped for so long that another may have taken its lock, it may have put an old
 * index in place of a newer one, so they are read again.
 */
export async function project(
  parts: Parts,
  session: Session,
  { anew = false, heldMs = HELD_MS }: ProjectOptions = {},
): Promise<void> {
  const { layout, referrers } = parts
  const lock = { timeoutMs: LOCK_TIMEOUT_MS, sharing: layout.sharing }
  await withLock(layout.indexLock, lock, async () => {
    for (;;) {
      const began = [performance.now(), Date.now()] as const
      const models = await listModels(parts)
      const current = await currentIndex(layout)
      const wanted = await encodeIndex(layout, models, anew ? undefined : sizesIn(current ?? ''))
      if (wanted === current) return
      await writeFileDurably(layout.index, wanted, fileOptions(layout, session))
      const took = Math.max(performance.now() - began[0], Math.abs(Date.now() - began[1]))
      if (took < heldMs) return
    }
  })
  await referrers.keep(session)
}

export async function isProjected(parts: Parts): Promise<boolean> {
  const wanted = await encodeIndex(parts.layout, await listModels(parts), undefined)
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

const NAMED = '"digest":"'
const SIZED = /","size":(\d+),"annotations"/y

/** Sizes of the manifests of versions that the index names, which were there when it was written. */
function sizesIn(index: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (let at = index.indexOf(NAMED); at >= 0; at = index.indexOf(NAMED, at + 1)) {
    const end = index.indexOf('"', at + NAMED.length)
    SIZED.lastIndex = end
    const size = SIZED.exec(index)?.[1]
    if (size !== undefined) sizes.set(index.slice(at + NAMED.length, end), Number(size))
  }
  return sizes
}

/**
 * With sizes that are known, what has one is taken to be there still. Nothing in it needs to be escaped: media types, digests, names and tags have no such characters.
 */
async function encodeIndex(
  layout: StoreLayout,
  models: readonly ListedModel[],
  known: ReadonlyMap<string, number> | undefined,
): Promise<string> {
  const manifests: string[] = []
  for (const { name, versions, tags, referrers } of models) {
    const named: (readonly [Digest, string | number])[] = [
      ...versions.map(({ digest, number }) => [digest, number] as const),
      ...tags.map(({ digest, tag }) => [digest, tag] as const),
    ]
    for (const [digest, tag] of named) {
      const size = known?.get(digest) ?? (await sizeThere(layout, digest))
      if (size === undefined) continue
      const annotations = `"annotations":{"${REF_NAME}":"${name}:${tag}"},"artifactType":"${MODEL_MANIFEST}"`
      manifests.push(`{"mediaType":"${OCI_MANIFEST}","digest":"${digest}","size":${size},${annotations}}`)
    }
    const subjects = new Set(named.map(([digest]) => digest))
    for (const { digest, subject, size: sizeRead } of referrers) {
      if (!subjects.has(subject)) continue
      const size = known === undefined ? await sizeThere(layout, digest) : sizeRead
      if (size !== undefined)
        manifests.push(`{"mediaType":"${OCI_MANIFEST}","digest":"${digest}","size":${size}}`)
    }
  }
  return `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${manifests.join(',')}]}\n`
}

async function sizeThere(layout: StoreLayout, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(blobPath(layout, digest))).size
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}
