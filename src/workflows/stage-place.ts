import type { CallOptions, Digest } from '../core/index.ts'
import type { Tag } from '../model/index.ts'
import type { PolicyRecord, Promotion } from '../store/index.ts'

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
  /** What is attached to a version, of the types that are wanted; nothing of it is believed. */
  documents(
    subject: Digest,
    isWanted: (type: string) => boolean,
    options?: CallOptions,
  ): Promise<readonly AttachedDocument[]>
  /** False where the stage stands there already. */
  promote(stage: Tag, digest: Digest, promotion: Promotion, options?: CallOptions): Promise<boolean>
}

export interface AttachedDocument {
  readonly type: string
  readonly data: Buffer
}
