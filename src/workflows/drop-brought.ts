import { parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/**
 * Removes from the store the versions of a model that were brought from `from` and to which no tag leads any more: they can be
 * brought again. Their bytes stay until `gc`.
 */
export async function dropBrought(
  store: Store,
  { ref, from }: { readonly ref: string; readonly from: string },
): Promise<void> {
  const { name } = parseReference(ref)
  const { records } = store
  const tagged = new Set((await records.listTags(name)).map(({ digest }) => digest))
  const versions = await records.listVersions(name)
  const unused = versions.filter((version) => version.from === from && !tagged.has(version.digest))
  if (unused.length === 0) return
  await using session = await store.begin({ frees: true })
  for (const { number } of unused) await records.removeVersion(session, name, number)
}
