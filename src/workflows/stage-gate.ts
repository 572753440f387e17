import type { CallOptions, Digest } from '../core/index.ts'
import type { Tag } from '../model/index.ts'
import { evaluate, refusal, type Verdict } from '../policy/index.ts'
import type { Promotion } from '../store/index.ts'
import { readPublicKey } from '../trust/index.ts'
import { policyDigest, policyIn, requireSignedPolicy } from './policy-record.ts'
import { type ContentOfVersion, gatherFacts } from './stage-facts.ts'
import type { StagePlace } from './stage-place.ts'

/** May this version stand in that stage? */
export interface StageQuestion {
  readonly place: StagePlace
  readonly stage: Tag
  readonly digest: Digest
  /** How commands name the version, by number or digest; by digest where it is not known. */
  readonly ref?: string | undefined
  /** Asked only where a rule is about the files. */
  readonly content: () => Promise<ContentOfVersion>
  /** Of who alone may set policies, in PEM; none where anybody may who can write there. */
  readonly policyKeys: readonly string[]
}

export interface Judged {
  readonly policy: Digest
  readonly verdicts: readonly Verdict[]
}

/**
 * The one gate: whether a stage's policy is kept by a version, now. Undefined where the stage has no policy. Throws REFUSED naming
 * each rule that is not kept and what would satisfy it, and for a policy that cannot be read or is not signed by who has to.
 */
export async function admit(question: StageQuestion, options: CallOptions = {}): Promise<Judged | undefined> {
  const judged = await judge(question, options)
  if (judged === undefined || judged.verdicts.every(({ passed }) => passed)) return judged
  const { place, stage } = question
  throw refusal({ ref: refOf(question), stageRef: place.at(stage) }, judged.verdicts)
}

/** The same without a refusal for what the version does not keep. */
export async function judge(question: StageQuestion, options: CallOptions = {}): Promise<Judged | undefined> {
  const { place, stage, digest, content, policyKeys } = question
  const stageRef = place.at(stage)
  const record = await place.policyOf(stage, options)
  const keys = policyKeys.map((pem) => readPublicKey(pem, 'the key for policies'))
  await requireSignedPolicy(record, { model: place.model, stage, stageRef }, keys)
  if (record === undefined) return undefined
  const policy = policyIn(record, stageRef, stage)
  const facts = await gatherFacts(policy, { place, digest, content }, options)
  return {
    policy: policyDigest(policy),
    verdicts: evaluate(policy, facts, { ref: refOf(question), stageRef: place.at }),
  }
}

/** What a move is recorded with that somebody answers for. */
export function promotionOf(
  judged: Judged | undefined,
  { who, why }: Pick<Promotion, 'who' | 'why'>,
): Promotion {
  return {
    who,
    ...(why !== undefined && { why }),
    ...(judged && {
      policy: judged.policy,
      evidence: judged.verdicts.map(({ rule, found }) => ({ rule, found })),
    }),
  }
}

function refOf({ place, digest, ref }: StageQuestion): string {
  return ref ?? place.at(digest)
}
