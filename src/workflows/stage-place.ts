import type { CallOptions, Digest } from '../core/index.ts'
import type { Metrics, Tag } from '../model/index.ts'
import type { PolicyRecord, Promotion } from '../store/index.ts'
import type { AttachedSignature } from '../trust/index.ts'

/** Where a model's stages are: a store, a registry, a bucket or a layout. Whoever owns the stage keeps its policy. */
export interface StagePlace {
  /** The model's name there, without where that is. */
  readonly model: string
  /** For people and commands: a tag or digest of the model there. */
  readonly at: (reference: string) => string
  /** What is in force. Throws DAMAGED for one that cannot be read. */
  policyOf(stage: Tag, options?: CallOptions): Promise<PolicyRecord | undefined>
  /** Stages that have, or had, a policy. */
  listStages(options?: CallOptions): Promise<readonly Tag[]>
  setPolicy(stage: Tag, record: PolicyRecord, options?: CallOptions): Promise<void>
  /** What the stage points to now. */
  standing(stage: Tag, options?: CallOptions): Promise<Digest | undefined>
  /** Whether the stage points, or has pointed, to the version. */
  hasBeenIn(stage: Tag, digest: Digest, options?: CallOptions): Promise<boolean>
  /** What is signed about a version; nothing of it is believed. */
  signed(subject: Digest, options?: CallOptions): Promise<readonly AttachedSignature[]>
  /** What was measured of a version, as whoever can write there says. */
  metrics(subject: Digest, options?: CallOptions): Promise<readonly Metrics[]>
  /** False where the stage stands there already. */
  promote(stage: Tag, digest: Digest, promotion: Promotion, options?: CallOptions): Promise<boolean>
}
