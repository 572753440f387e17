import { type Digest, isBallastError } from '../core/index.ts'
import { latestFigures, type MetadataValues, mergeMetadata, totalSize } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { readDescriptions } from './inspect-version.ts'
import { readMetadata } from './metadata.ts'
import { readMetrics } from './metrics.ts'
import { parseModelReference, requireName } from './resolve.ts'
import { readUsedBy } from './used-by.ts'

export interface ListedVersion {
  readonly ref: string
  readonly digest: Digest
  readonly tags: readonly string[]
  readonly files: number
  readonly bytes: number
  readonly added: string
  /** As it is attached to the version; undefined where nothing is, as for one that another tool has pushed. */
  readonly format: string | undefined
  readonly precision: string | undefined
  readonly parameters: number | undefined
  /** What evaluations measured, each figure as it was measured last, by its path: `eval.accuracy`. */
  readonly figures: Readonly<Record<string, number>>
  /** How many targets, volumes and images have it, by kind; as `show` tells them. */
  readonly usedBy: Readonly<Record<string, number>>
  /** What was said of it: license, author and others. */
  readonly metadata: MetadataValues
}

/** Every version of every model, or of one. Throws NOT_FOUND for a model that is not there. */
export async function list(store: Store, name?: string): Promise<readonly ListedVersion[]> {
  if (name !== undefined) await requireName(store, name)
  const names = name === undefined ? await store.records.listNames() : [parseModelReference(name).name]
  const usedBy = await readUsedBy(store)
  const listed: ListedVersion[] = []
  for (const model of names) {
    const tags = await store.records.listTags(model)
    const referrers = await store.listReferrers(model)
    const describe = await readDescriptions(store, model, { referrers })
    const measured = await readMetrics(store, model, { referrers })
    const said = await readMetadata(store, model, { referrers })
    for (const { number, digest, time } of await store.records.listVersions(model)) {
      const files = await store.readVersion(digest).then(
        (version) => version.files,
        (error: unknown) => {
          if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return undefined
          throw error
        },
      )
      const description = await describe(digest)
      listed.push({
        ref: `${model}:${number}`,
        digest,
        tags: tags.filter((tag) => tag.digest === digest).map(({ tag }) => tag),
        files: files?.length ?? 0,
        bytes: totalSize(files ?? []),
        added: time,
        format: description?.format,
        precision: description?.precision,
        parameters: description?.parameters,
        figures: Object.fromEntries(latestFigures(await measured(digest))),
        usedBy: countBy(usedBy(digest).map(({ kind }) => kind)),
        metadata: mergeMetadata(await said(digest)),
      })
    }
  }
  return listed
}

function countBy(kinds: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
