import type { CallOptions, Digest } from '../core/index.ts'
import { APPROVAL_PREDICATE } from '../policy/index.ts'
import type { Store } from '../store/index.ts'
import { claimOf, signStatement } from '../trust/index.ts'
import type { SignWith } from './sign.ts'
import { type StageAccess, stageIn, withStageVersion } from './stage-version.ts'
import { whoRunsThis } from './who.ts'

export interface ApproveRequest extends StageAccess {
  /** `prod`. */
  readonly stage: string
  readonly with: SignWith
  readonly why?: string | undefined
  /** For people; who runs this by default. */
  readonly by?: string | undefined
}

export interface Approved {
  /** By number, else by digest. */
  readonly ref: string
  readonly digest: Digest
  readonly stage: string
  /** Of an approval that was made with a key. */
  readonly keyId: Digest | undefined
  /** Of one that a certificate stands for. */
  readonly identity: string | undefined
}

/** Attaches a signed approval of a version for a stage to it, wherever it is; with `push`, `pull` and `copy` it goes along. */
export async function approve(
  store: Store,
  { stage: text, with: by, why, by: who, ...request }: ApproveRequest,
  options: CallOptions = {},
): Promise<Approved> {
  return withStageVersion(store, request, options, async ({ place, digest, ref, attach, settle }) => {
    const stage = stageIn(text, place)
    const predicate = {
      stage,
      time: new Date().toISOString(),
      by: who ?? whoRunsThis(),
      ...(why !== undefined && { why }),
    }
    const statement = { subjects: [digest], predicateType: APPROVAL_PREDICATE, predicate }
    const bytes = by.kind === 'key' ? signStatement(by.signer, statement) : await by.sign(statement)
    await attach({ form: 'bundle', bytes })
    await settle()
    const keyId = by.kind === 'key' ? by.signer.publicKey.id : undefined
    return { ref, digest, stage, keyId, identity: claimOf({ form: 'bundle', bytes }).identity }
  })
}
