import type { BucketRepository } from '../remotes/index.ts'
import { documentsAt } from './remote-documents.ts'
import type { StagePlace } from './stage-place.ts'

/** The stages of a model in a bucket: logs, as in a store. Whoever changes one closes the repository. */
export function bucketStages({
  repository,
  model,
  at,
}: {
  readonly repository: BucketRepository
  readonly model: string
  readonly at: (reference: string) => string
}): StagePlace {
  const { records } = repository
  return {
    model,
    at,
    policyOf: (stage, options) => records.policies.of(stage, options),
    listStages: (options) => records.policies.listStages(options),
    setPolicy: async (stage, record, options) =>
      records.policies.set(await repository.writer(options), stage, record, options),
    standing: (stage, options) => records.resolve(stage, options),
    hasBeenIn: async (stage, digest, options) =>
      (await records.history(stage, options)).some(({ record }) => record.digest === digest),
    ...documentsAt(repository),
    async promote(stage, digest, promotion, options) {
      const move = { tag: stage, digest, kind: 'model', by: 'promote', promotion } as const
      return (await records.moveTag(await repository.writer(options), move, options)) !== undefined
    },
  }
}
