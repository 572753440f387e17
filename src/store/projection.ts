import { stat } from 'node:fs/promises'
import { type Digest, isSystemError, readIfPresent, withLock, writeFileDurably } from '../core/index.ts'
import { MODEL_MANIFEST, OCI_INDEX, OCI_MANIFEST, REF_NAME } from '../model/index.ts'
import { blobPath, fileOptions, type StoreLayout } from './layout.ts'
import type { Records } from './records.ts'
import { readUntagged } from './referrers.ts'
import type { Session } from './session.ts'

const LOCK_TIMEOUT_MS = 60_000

/**
 * Rewrites `index.json` from the tags, for tools that read OCI layouts. The tags are the truth and the index follows:
 * they are read again after the rename, because one may have moved while the index was on its way.
 */
export async function project(layout: StoreLayout, records: Records, session: Session): Promise<void> {
  const lock = { timeoutMs: LOCK_TIMEOUT_MS, sharing: layout.sharing }
  await withLock(layout.indexLock, lock, async () => {
    for (;;) {
      const wanted = await encodeIndex(layout, records)
      if (wanted === (await currentIndex(layout))) return
      await writeFileDurably(layout.index, wanted, fileOptions(layout, session))
    }
  })
}

export async function isProjected(layout: StoreLayout, records: Records): Promise<boolean> {
  return (await currentIndex(layout)) === (await encodeIndex(layout, records))
}

async function currentIndex(layout: StoreLayout): Promise<string | undefined> {
  return (await readIfPresent(layout.index))?.toString('utf8')
}

/**
 * Models and what is attached to them (which tools find by its `subject`, without a name). No images: their layers are
 * derived and stand in no file, so that no other tool could read them from here.
 */
async function encodeIndex(layout: StoreLayout, records: Records): Promise<string> {
  const manifests: unknown[] = []
  for (const name of await records.listNames()) {
    const versions = (await records.listVersions(name)).map(({ number, digest }) => ({
      tag: `${number}`,
      digest,
    }))
    const tags = (await records.listTags(name)).filter((tag) => tag.kind === 'model')
    for (const { tag, digest } of [...versions, ...tags]) {
      const size = await sizeOf(layout, digest)
      if (size === undefined) continue
      manifests.push({
        mediaType: OCI_MANIFEST,
        digest,
        size,
        annotations: { [REF_NAME]: `${name}:${tag}` },
        artifactType: MODEL_MANIFEST,
      })
    }
    const models = new Set([...versions, ...tags].map(({ digest }) => digest))
    for (const { digest, subject } of (await readUntagged(layout, records, name)).referrers) {
      const size = models.has(subject) ? await sizeOf(layout, digest) : undefined
      if (size !== undefined) manifests.push({ mediaType: OCI_MANIFEST, digest, size })
    }
  }
  return `${JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })}\n`
}

async function sizeOf(layout: StoreLayout, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(blobPath(layout, digest))).size
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw error
  }
}
