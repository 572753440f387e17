import { type Digest, digestOf, hexOf } from '../core/index.ts'
import {
  arrayOf,
  latestFigures,
  type MetadataValues,
  mergeMetadata,
  objectOf,
  type RepositoryName,
  totalSize,
} from '../model/index.ts'
import { type Referrer, type Session, type Store, unlessGone } from '../store/index.ts'
import type { ReadOptions } from './attachments.ts'

/** What a list tells of a version that its bytes and what is attached to it tell, and nothing else does. */
export interface ListedFacts {
  readonly files: number
  readonly bytes: number
  /** As it is attached to the version; undefined where nothing is, as for one that another tool has pushed. */
  readonly format: string | undefined
  readonly precision: string | undefined
  readonly parameters: number | undefined
  /** What evaluations measured, each figure as it was measured last, by its path: `eval.accuracy`. */
  readonly figures: Readonly<Record<string, number>>
  /** What was said of it: license, author and others. */
  readonly metadata: MetadataValues
}

/** To be raised where other facts are listed, or the same are made otherwise. */
const EDITION = 1
/** Of the cache. */
const KIND = 'listed'
/** Of the digest of each document, in digits. */
const MARK = 16

interface Kept {
  /** What was attached to the version when they were worked out, as marks. */
  readonly from: string
  readonly facts: ListedFacts
}

export interface ModelFacts {
  of(version: Digest): Promise<ListedFacts>
  /** Whether anything was not as it was when the facts were written down. */
  isChanged(): boolean
  keep(session: Session): Promise<void>
}

/**
 * The facts of a model's versions, from the cache where nothing else is attached to a version than was then. A version and a document
 * never change, so that they hold; what could not be read whole is not kept.
 */
export async function readListedFacts(store: Store, name: RepositoryName): Promise<ModelFacts> {
  const attached = digestOf((await store.records.listUntagged(name)).join(' '))
  const kept = readKept(store, name)
  let referrers = kept.attached === attached ? undefined : await store.listReferrers(name)
  const marks = referrers && marksOf(referrers)
  const used = new Map<Digest, Kept>()
  let isChanged = marks !== undefined
  let work: ((version: Digest) => Promise<WorkedOut>) | undefined
  let marksNow = marks

  return {
    async of(version) {
      const known = kept.versions.get(version)
      // Where nothing is attached that was not then, and all that was, nothing is to be compared.
      if (known !== undefined && (marks === undefined || known.from === (marks.get(version) ?? ''))) {
        used.set(version, known)
        return known.facts
      }
      referrers ??= await store.listReferrers(name)
      marksNow ??= marksOf(referrers)
      work ??= await worker(store, name, { referrers })
      const { facts, isWhole } = await work(version)
      if (isWhole) {
        isChanged = true
        used.set(version, { from: marksNow.get(version) ?? '', facts })
      }
      return facts
    },
    isChanged: () => isChanged && used.size > 0,
    async keep(session) {
      const versions = [...used].map(([digest, { from, facts }]) => [digest, from, facts])
      await store.cache.putMany(session, KIND, { name, content: { edition: EDITION, attached, versions } })
    },
  }
}

/** What is attached to each version, in an order of its own. */
function marksOf(referrers: readonly Referrer[]): ReadonlyMap<Digest, string> {
  const bySubject = Map.groupBy(referrers, ({ subject }) => subject)
  const mark = ({ digest }: Referrer): string => hexOf(digest).slice(0, MARK)
  return new Map([...bySubject].map(([version, of]) => [version, of.map(mark).sort().join('')]))
}

interface WorkedOut {
  readonly facts: ListedFacts
  readonly isWhole: boolean
}

async function worker(
  store: Store,
  name: RepositoryName,
  options: ReadOptions,
): Promise<(version: Digest) => Promise<WorkedOut>> {
  // Loaded for those who have to look.
  const [{ readDescriptions }, { readMetrics }, { readMetadata }] = await Promise.all([
    import('./inspect-version.ts'),
    import('./metrics.ts'),
    import('./metadata.ts'),
  ])
  const leftOut = new Set<Digest>()
  const noting = { ...options, onLeftOut: (version: Digest) => void leftOut.add(version) }
  const describe = await readDescriptions(store, name, noting)
  const measured = await readMetrics(store, name, noting)
  const said = await readMetadata(store, name, noting)
  return async (version) => {
    const files = (await store.readVersion(version).catch(unlessGone))?.files
    const description = await describe(version)
    const facts = {
      files: files?.length ?? 0,
      bytes: totalSize(files ?? []),
      format: description?.format,
      precision: description?.precision,
      parameters: description?.parameters,
      figures: Object.fromEntries(latestFigures(await measured(version))),
      metadata: mergeMetadata(await said(version)),
    }
    return { facts, isWhole: files !== undefined && !leftOut.has(version) }
  }
}

function readKept(
  store: Store,
  name: RepositoryName,
): { readonly attached: unknown; readonly versions: ReadonlyMap<Digest, Kept> } {
  const { edition, attached, versions } = store.cache.getMany(KIND, name) ?? {}
  const kept = new Map<Digest, Kept>()
  if (edition !== EDITION) return { attached: undefined, versions: kept }
  for (const [digest, from, facts] of arrayOf(versions) as readonly [Digest, string, Partial<ListedFacts>][])
    kept.set(digest, { from, facts: complete(facts) })
  return { attached, versions: kept }
}

/** JSON leaves out what is undefined. */
function complete(facts: Partial<ListedFacts>): ListedFacts {
  const { files = 0, bytes = 0, format, precision, parameters } = facts
  return {
    files,
    bytes,
    format,
    precision,
    parameters,
    figures: objectOf(facts.figures) as ListedFacts['figures'],
    metadata: objectOf(facts.metadata) as MetadataValues,
  }
}
