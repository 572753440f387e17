import { createPauses, type Digest, systemCode } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { type ListedFacts, type ModelFacts, readListedFacts } from './listed-facts.ts'
import { parseModelReference, requireName } from './resolve.ts'
import { readUsedBy } from './used-by.ts'

export interface ListedVersion extends ListedFacts {
  readonly ref: string
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly added: string
  /** How many targets, volumes and images have it, by kind; as `show` tells them. */
  readonly usedBy: Readonly<Record<string, number>>
}

/** Every version of every model, or of one. Throws NOT_FOUND for a model that is not there. */
export async function list(store: Store, name?: string): Promise<readonly ListedVersion[]> {
  if (name !== undefined) await requireName(store, name)
  const names = name === undefined ? await store.records.listNames() : [parseModelReference(name).name]
  const usedBy = await readUsedBy(store)
  const listed: ListedVersion[] = []
  const changed: ModelFacts[] = []
  const pause = createPauses()
  for (const model of names) {
    const tags = Map.groupBy(await store.records.listTags(model), ({ digest }) => digest)
    const facts = await readListedFacts(store, model)
    for (const { number, digest, time } of await store.records.listVersions(model)) {
      listed.push({
        ref: `${model}:${number}`,
        digest,
        tags: (tags.get(digest) ?? []).map(({ tag }) => tag),
        ...(await facts.of(digest)),
        added: time,
        usedBy: countBy(usedBy(digest).map(({ kind }) => kind)),
      })
    }
    if (facts.isChanged()) changed.push(facts)
    await pause()
  }
  if (changed.length > 0) await keepFacts(store, changed)
  return listed
}

/** That it cannot be kept costs the next list the same time, and nothing else. */
async function keepFacts(store: Store, changed: readonly ModelFacts[]): Promise<void> {
  try {
    await using session = await store.beginReading()
    for (const facts of changed) await facts.keep(session)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}

function countBy(kinds: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
