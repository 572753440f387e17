import type { CallOptions, Digest } from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { admit, promotionOf } from './stage-gate.ts'
import { questionOf, type StageAccess, stageIn, withStageVersion } from './stage-version.ts'
import type { TagResult } from './tag.ts'
import { whoRunsThis } from './who.ts'

export interface PromoteRequest extends StageAccess {
  /** `prod`. */
  readonly stage: string
  readonly why?: string | undefined
  /** For people; who runs this by default. */
  readonly by?: string | undefined
}

export interface PromoteResult extends TagResult {
  /** Whether there was no such tag before: a name that was mistyped shows. */
  readonly isNew: boolean
  /** What was found for each rule of the policy; none where the stage has none. */
  readonly evidence: readonly { readonly rule: string; readonly found: string }[]
  readonly policy: Digest | undefined
}

/**
 * Points a stage to a version that keeps its policy, and records who did so, when and why: in the store, a registry, a bucket or a
 * layout, whichever has the version. Throws what resolving it throws, and REFUSED naming each rule that is not kept.
 */
export async function promote(
  store: Store,
  { stage: text, why, by, ...request }: PromoteRequest,
  options: CallOptions = {},
): Promise<PromoteResult> {
  return withStageVersion(store, request, options, async (version) => {
    const { place, digest, number } = version
    const stage = stageIn(text, place)
    const judged = await admit(questionOf(version, { stage, store }), options)
    const promotion = promotionOf(judged, { who: by ?? whoRunsThis(), why })
    const isNew = (await place.standing(stage, options)) === undefined
    const moved = await place.promote(stage, digest, promotion, options)
    const { evidence = [], policy } = promotion
    return {
      ref: place.at(stage),
      digest,
      number,
      moved,
      isNew,
      evidence,
      policy,
      warnings: moved ? await version.settle() : [],
    }
  })
}
