import {
  decodeMetrics,
  formatReference,
  LARGEST_METRICS,
  MODEL_METRICS,
  type Reference,
  type RepositoryName,
  type Tag,
  type Version,
} from '../model/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readAttachments } from './attachments.ts'
import { readSigned, storedSignatures } from './signatures.ts'
import type { StageQuestion } from './stage-gate.ts'
import type { StagePlace } from './stage-place.ts'

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
    return await work(own)
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
    signed: (subject) => readSigned(storedSignatures(store, model), subject),
    async metrics(subject) {
      const wanted = { name: model, type: MODEL_METRICS, largest: LARGEST_METRICS }
      const attached = await (await readAttachments(store, wanted))(subject)
      return attached.map(decodeMetrics).filter((metrics) => metrics !== undefined)
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
