import { isBallastError } from '../core/index.ts'
import {
  attachedBy,
  formatReference,
  type Reference,
  type RepositoryName,
  type Tag,
  type Version,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import type { StageQuestion } from './stage-gate.ts'
import type { AttachedDocument, StagePlace } from './stage-place.ts'

/** In bytes: of a document that says something of a version. */
const LARGEST_DOCUMENT = 16 * 1024 * 1024

/** Whether a version of the store may stand in a stage of its model. */
export function askInStore(
  store: Store,
  {
    reference: { name },
    number,
    version,
    stage,
  }: {
    readonly reference: Pick<Reference, 'name'>
    readonly number: number
    readonly version: Version
    readonly stage: Tag
  },
): StageQuestion {
  return {
    place: storeStages(store, name),
    stage,
    digest: version.digest,
    ref: number === 0 ? undefined : `${name}:${number}`,
    content: async () => ({ store, version }),
    policyKeys: store.policyKeys,
  }
}

/** The stages of a model of the store. Whoever changes one gives the session that has leased the version. */
export function storeStages(store: Store, model: RepositoryName, session?: Session): StagePlace {
  const { records } = store
  const working = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    if (session !== undefined) return work(session)
    await using own = await store.begin()
    return work(own)
  }
  return {
    model,
    at: (reference) => referenceTo(model, reference),
    policyOf: (stage) => records.policies.of(model, stage),
    listStages: () => records.policies.listStages(model),
    setPolicy: (stage, record) => working((own) => records.policies.set(own, model, stage, record)),
    standing: (stage) => records.resolve({ name: model, tag: stage }),
    hasBeenIn: async (stage, digest) =>
      (await records.history(model, stage)).some(({ record }) => record.digest === digest),
    async documents(subject, isWanted) {
      const own = (await store.listReferrers(model)).filter(
        (referrer) => referrer.subject === subject && isWanted(referrer.type),
      )
      const found = await Promise.all(own.map((referrer) => readDocument(store, referrer)))
      return found.filter((document) => document !== undefined)
    },
    promote: (stage, digest, promotion) =>
      working(async (own) => {
        if ((await records.resolve({ name: model, tag: stage })) === digest) return false
        await records.moveTag(own, model, stage, { digest, kind: 'model', by: 'promote', promotion })
        return true
      }),
  }
}

function referenceTo(name: RepositoryName, reference: string): string {
  return reference.startsWith('sha256:')
    ? `${name}@${reference}`
    : formatReference({ name, tag: reference as Tag })
}

/** Undefined for what is damaged or too large: it is no evidence then. */
async function readDocument(
  store: Store,
  { digest, type }: { readonly digest: Parameters<Store['readManifest']>[0]; readonly type: string },
): Promise<AttachedDocument | undefined> {
  try {
    const layer = attachedBy(await store.readManifest(digest), type)
    if (layer === undefined || layer.size > LARGEST_DOCUMENT) return undefined
    const stored = await store.blobs.stat(layer.digest)
    if (stored?.size !== layer.size) return undefined
    return { type: layer.mediaType, data: await store.readManifest(layer.digest) }
  } catch (error) {
    if (isBallastError(error, 'NOT_FOUND') || isBallastError(error, 'DAMAGED')) return undefined
    throw error
  }
}
