import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { isTag, type Json, objectOf, type Tag } from '../model/index.ts'
import type { ImageRepository } from '../oci/index.ts'
import { POLICY_DOCUMENT, POLICY_TAG, STAGE_RECORD, STAGE_TAG } from '../policy/index.ts'
import type { PolicyRecord, Promotion } from '../store/index.ts'
import { appendToLog, headOfLog, type RegistryLog, type RegistryRecord, walkLog } from './registry-log.ts'
import { documentsAt } from './remote-documents.ts'
import { digestAt } from './remote-numbers.ts'
import type { StagePlace } from './stage-place.ts'

function policyLog(stage: Tag): RegistryLog {
  return { tag: `${POLICY_TAG}${stage}`, type: POLICY_DOCUMENT }
}

export function stageLog(stage: string): RegistryLog {
  return { tag: `${STAGE_TAG}${stage}`, type: STAGE_RECORD }
}

/** The stages of a model in a registry or a layout, which keep no times and no histories themselves. */
export function registryStages({
  repository,
  model,
  at,
}: {
  readonly repository: ImageRepository
  readonly model: string
  readonly at: (reference: string) => string
}): StagePlace {
  async function policyOf(stage: Tag, options?: CallOptions): Promise<PolicyRecord | undefined> {
    const head = await headOfLog(repository, policyLog(stage), options)
    return head === undefined ? undefined : policyRecordIn(head, at(stage))
  }

  /** Whoever may push moves a tag: to a stage with a policy a version has come only if that was recorded. */
  async function hasBeenIn(stage: Tag, digest: Digest, options?: CallOptions): Promise<boolean> {
    const isThere = (await digestAt(repository, stage, options)) === digest
    if (isThere && (await policyOf(stage, options)) === undefined) return true
    for await (const { record } of walkLog(repository, stageLog(stage), options))
      if (record.digest === digest) return true
    return false
  }

  return {
    model,
    at,
    policyOf,
    async listStages(options) {
      const tags = (await repository.listTags(options)).filter((tag) => tag.startsWith(POLICY_TAG))
      return tags.map((tag) => tag.slice(POLICY_TAG.length)).filter(isTag)
    },
    async setPolicy(stage, record, options) {
      await appendToLog(repository, { ...policyLog(stage), record: { ...record } }, options)
    },
    standing: (stage, options) => digestAt(repository, stage, options),
    hasBeenIn,
    ...documentsAt(repository),
    async promote(stage, digest, promotion, options) {
      if ((await digestAt(repository, stage, options)) === digest) return false
      await moveStage({ repository, at }, { stage, digest, by: 'promote', promotion }, options)
      return true
    },
  }
}

export interface StageMove {
  readonly stage: Tag
  readonly digest: Digest
  /** The verb. */
  readonly by: string
  readonly promotion: Promotion
}

/** The record comes first: a stage that has moved without one would have no history. */
export async function moveStage(
  { repository, at }: { readonly repository: ImageRepository; readonly at: (reference: string) => string },
  { stage, digest, by, promotion }: StageMove,
  options?: CallOptions,
): Promise<void> {
  const manifest = await repository.getManifest(digest, options)
  if (manifest === undefined) {
    throw new BallastError('NOT_FOUND', `there is no ${at(digest)}`, { hint: 'it was removed there' })
  }
  const record = { stage, digest, time: new Date().toISOString(), by, promotion }
  const subject = { digest, size: manifest.bytes.length }
  await appendToLog(repository, { ...stageLog(stage), record: { ...record }, subject }, options)
  await repository.putManifest(manifest, stage, options)
}

/** Undefined for a policy that was taken away. */
function policyRecordIn({ record }: RegistryRecord, stageRef: string): PolicyRecord | undefined {
  const { policy, time, who, signature } = record
  if (policy === null) return undefined
  if (typeof time !== 'string' || typeof who !== 'string' || typeof policy !== 'object') {
    throw new BallastError('DAMAGED', `the policy of ${stageRef} cannot be read`, {
      hint: `set it again: ballast policy set ${stageRef} FILE`,
    })
  }
  return {
    policy: policy as Json,
    time,
    who,
    ...(signature !== undefined && { signature: objectOf(signature) }),
  }
}
