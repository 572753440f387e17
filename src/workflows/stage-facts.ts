import type { CallOptions, Digest } from '../core/index.ts'
import { latestFigures, type Metrics, MODEL_CARD, type Version } from '../model/index.ts'
import {
  APPROVAL_PREDICATE,
  decodeApproval,
  type Facts,
  isKeySigner,
  type Policy,
  type Signers,
  signerId,
} from '../policy/index.ts'
import type { Store } from '../store/index.ts'
import {
  type AttachedSignature,
  isSignature,
  predicateTypeOf,
  readPublicKey,
  readTrustedRoot,
  type SignedBy,
  type Trusted,
  type TrustedRoot,
  type Verdict,
  verifyAttached,
  verifyStatement,
} from '../trust/index.ts'
import { formatFacts } from './stage-formats.ts'
import type { StagePlace } from './stage-place.ts'
import { scanFacts } from './stage-scan.ts'

/** The version's bytes in a store, which are looked at where a rule asks for it. */
export interface ContentOfVersion {
  readonly store: Store
  readonly version: Version
}

export interface FactsRequest {
  readonly place: StagePlace
  readonly digest: Digest
  readonly content: () => Promise<ContentOfVersion>
}

/** What the policy has to know, looked at now: signatures are verified, files scanned, formats told by content. */
export async function gatherFacts(
  { stage, requires, root }: Policy,
  { place, digest, content }: FactsRequest,
  options: CallOptions,
): Promise<Facts> {
  const { signed, approved, scanned, formats, metrics, from } = requires
  const asksSigned = signed !== undefined || approved !== undefined
  const all = {
    signed: asksSigned ? await place.signed(digest, options) : [],
    subject: digest,
    root: root === undefined ? undefined : readTrustedRoot(JSON.stringify(root)),
  }
  const signatures = await countSigners(signed, all, SIGNATURES)
  const approvals = await countSigners(approved, all, approvalsOf(stage))
  return {
    signers: signatures.ids,
    refusedSignatures: signatures.refused,
    approvers: approvals.ids,
    refusedApprovals: approvals.refused,
    scan: scanned === undefined ? undefined : await scanFacts(await content(), options),
    formats: formats === undefined ? undefined : await formatFacts(await content(), options),
    figures: metrics === undefined ? new Map() : figuresIn(await place.metrics(digest, options)),
    hasBeenInFrom: from === undefined ? false : await place.hasBeenIn(from, digest, options),
  }
}

interface Signed {
  readonly signed: readonly AttachedSignature[]
  readonly subject: Digest
  readonly root: TrustedRoot | undefined
}

/** What of all that is signed counts for a rule. */
interface Counting {
  readonly isMeant: (attached: AttachedSignature) => boolean
  /** Whether somebody who is trusted stands for it, and it says what it has to. */
  readonly verify: (
    attached: AttachedSignature,
    trusted: Trusted,
    subject: Digest,
  ) => Promise<Verdict<unknown>>
}

const SIGNATURES: Counting = { isMeant: isSignature, verify: verifyAttached }

function approvalsOf(stage: string): Counting {
  return {
    isMeant: (attached) =>
      attached.form === 'bundle' && predicateTypeOf(attached.bytes) === APPROVAL_PREDICATE,
    async verify(attached, trusted, subject) {
      if (attached.form !== 'bundle') return { ok: false, why: 'it is no approval' }
      const expected = { subject, predicateType: APPROVAL_PREDICATE }
      const verdict = await verifyStatement(attached.bytes, trusted, expected)
      if (!verdict.ok) return verdict
      const approval = decodeApproval(verdict.value.predicate)
      if (approval?.stage === stage) return verdict
      return { ok: false, why: `one approves ${approval?.stage ?? 'no stage'}, not ${stage}` }
    },
  }
}

/** Who of the signers stands for the version, and why others do not count; for people. */
async function countSigners(
  signers: Signers | undefined,
  { signed, subject, root }: Signed,
  { isMeant, verify }: Counting,
): Promise<{ readonly ids: ReadonlySet<string>; readonly refused: readonly string[] }> {
  const ids = new Set<string>()
  const refused: string[] = []
  if (signers === undefined) return { ids, refused }
  const trusted = trustedOf(signers, root)
  for (const attached of signed.filter(isMeant)) {
    const verdict = await verify(attached, trusted, subject)
    if (verdict.ok) ids.add(idOf(verdict.by))
    else refused.push(verdict.why)
  }
  return { ids, refused }
}

function trustedOf({ by }: Signers, root: TrustedRoot | undefined): Trusted {
  return {
    keys: by.filter(isKeySigner).map(({ key }) => readPublicKey(key, 'a key of the policy')),
    identities: by.flatMap((signer) =>
      isKeySigner(signer) ? [] : [{ identity: { text: signer.identity }, issuer: { text: signer.issuer } }],
    ),
    root,
  }
}

function idOf(by: SignedBy): string {
  return by.kind === 'key' ? by.keyId : signerId(by)
}

/** Each figure as it was measured last. What the model's own card claims is nobody's measurement. */
function figuresIn(metrics: readonly Metrics[]): ReadonlyMap<string, number> {
  const measured = metrics.filter(({ by }) => by !== MODEL_CARD)
  return latestFigures(measured.sort((a, b) => a.time.localeCompare(b.time)))
}
