import { BallastError, type Digest, digestOf } from '../core/index.ts'
import { isName, type Json, lastPart, type Tag } from '../model/index.ts'
import { decodePolicy, encodePolicy, type Policy } from '../policy/index.ts'
import type { PolicyRecord } from '../store/index.ts'
import { type PublicKey, readPublicKey, type Signer, signStatement, verifyStatement } from '../trust/index.ts'

/** The predicate of a statement by which somebody stands for the policy of a stage. */
const POLICY_PREDICATE = 'https://ballast.dev/policy/v1'

/** Of which stage of which model, wherever that model is. */
export interface PolicyOf {
  readonly model: string
  readonly stage: Tag
}

/** As it is kept: by the bytes of its document it is known. */
export function policyDigest(policy: Policy): Digest {
  return digestOf(Buffer.from(JSON.stringify(encodePolicy(policy))))
}

/**
 * The policy of a record. Throws REFUSED for one that cannot be read, as that of a later Ballast: what it asks for cannot be
 * checked then.
 */
export function policyIn({ policy }: PolicyRecord, stageRef: string, stage: Tag): Policy {
  try {
    return decodePolicy(policy, { what: `the policy of ${stageRef}`, keys: keyId, stage })
  } catch (error) {
    if (!(error instanceof BallastError)) throw error
    throw new BallastError('REFUSED', error.message, {
      cause: error,
      hint: 'it was changed, or written by a later Ballast: update Ballast, or set the policy again',
    })
  }
}

/** Undefined for what is no public key. */
export function keyId(pem: string): string | undefined {
  try {
    return readPublicKey(pem).id
  } catch (error) {
    if (error instanceof BallastError) return undefined
    throw error
  }
}

/** A signed statement that this is the policy of that stage. */
export function signPolicy(policy: Policy, { model, stage }: PolicyOf, signer: Signer): Json {
  const predicate = { model: shortName(model), stage }
  const statement = { subjects: [policyDigest(policy)], predicateType: POLICY_PREDICATE, predicate }
  return JSON.parse(signStatement(signer, statement).toString()) as Json
}

/** Throws REFUSED for a policy that none of the keys stands for; with no keys nothing is asked. */
export async function requireSignedPolicy(
  record: PolicyRecord | undefined,
  { model, stage, stageRef }: PolicyOf & { readonly stageRef: string },
  keys: readonly PublicKey[],
): Promise<void> {
  if (keys.length === 0) return
  const why = await whyNotSigned(record, { model, stage, stageRef }, keys)
  if (why === undefined) return
  throw new BallastError(
    'REFUSED',
    `the policy of ${stageRef} is not one that the given key stands for: ${why}`,
    {
      hint: `find out who changed it: ballast policy show ${stageRef}; who holds the key sets it again: ballast policy set ${stageRef} FILE --key KEY`,
      details: { stage: stageRef, rules: [{ rule: 'policy', passed: false, found: why }] },
    },
  )
}

async function whyNotSigned(
  record: PolicyRecord | undefined,
  { model, stage, stageRef }: PolicyOf & { readonly stageRef: string },
  keys: readonly PublicKey[],
): Promise<string | undefined> {
  if (record === undefined) return 'it has none'
  if (record.signature === undefined) return 'it is not signed'
  const bytes = Buffer.from(JSON.stringify(record.signature))
  const subject = policyDigest(policyIn(record, stageRef, stage))
  const verdict = await verifyStatement(bytes, { keys }, { subject, predicateType: POLICY_PREDICATE })
  if (!verdict.ok) return verdict.why
  const { model: ofModel, stage: ofStage } = verdict.value.predicate
  if (ofStage !== stage || ofModel !== shortName(model)) return `it was signed for ${ofModel}:${ofStage}`
  return undefined
}

/** A model is called otherwise in other places, but for its last part. */
function shortName(model: string): string {
  return isName(model) ? lastPart(model) : model
}
