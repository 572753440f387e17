import type { Store } from '../store/index.ts'
import type { NotedUse } from './uses.ts'

/** Nobody asks for more of them, and each is a file. */
const MOST_IMAGES = 1000

/**
 * Forgets, of the uses that were looked at, those that are none any more: what has gone, images of versions that the store has not got,
 * and the oldest images beyond a thousand; and remotes of models that are gone.
 */
export async function tidyUses(store: Store, uses: readonly NotedUse[]): Promise<void> {
  if (uses.length === 0) return
  const models = new Set<string>()
  const versions = new Set<string>()
  for (const model of await store.records.listNames()) {
    const digests = [...(await store.records.listVersions(model)), ...(await store.records.listTags(model))]
    if (digests.length > 0) models.add(model)
    for (const { digest } of digests) versions.add(digest)
  }
  const images = uses.filter(({ kind }) => kind === 'image')
  const surplus = new Set(images.slice(0, Math.max(0, images.length - MOST_IMAGES)))
  for (const use of uses) {
    const { kind, is, model, digest } = use
    const isOver =
      is === 'gone' ||
      surplus.has(use) ||
      (kind === 'image' && !versions.has(digest)) ||
      (kind === 'remote' && !models.has(model))
    if (isOver) await store.uses.forget(use)
  }
}
