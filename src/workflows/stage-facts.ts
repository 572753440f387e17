import type { CallOptions, Digest } from '../core/index.ts'
import {
  decodeMetrics,
  type Json,
  latestFigures,
  type Metrics,
  MODEL_CARD,
  MODEL_METRICS,
  type Version,
} from '../model/index.ts'
import {
  APPROVAL_PREDICATE,
  decodeApproval,
  type Facts,
  type FormatFact,
  isKeySigner,
  type Policy,
  type Signers,
} from '../policy/index.ts'
import type { Store } from '../store/index.ts'
import {
  decodeStatement,
  isBundleType,
  readBundle,
  readPublicKey,
  readTrustedRoot,
  SIGN_PREDICATE,
  type SignedBy,
  type Trusted,
  type TrustedRoot,
  verifyStatement,
} from '../trust/index.ts'
import { inspectVersion } from './inspect-version.ts'
import type { AttachedDocument, StagePlace } from './stage-place.ts'
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
  const asks = (type: string): boolean =>
    (isBundleType(type) && (signed !== undefined || approved !== undefined)) ||
    (type === MODEL_METRICS && metrics !== undefined)
  const documents = await place.documents(digest, asks, options)
  const statements = {
    bundles: documents.filter(({ type }) => isBundleType(type)).map(({ data }) => data),
    subject: digest,
    root: root === undefined ? undefined : readTrustedRoot(JSON.stringify(root)),
  }
  const signatures = await countSigners(signed, statements, { predicateType: SIGN_PREDICATE })
  const approvals = await countSigners(approved, statements, {
    predicateType: APPROVAL_PREDICATE,
    whyNot: (predicate) => whyNoApproval(predicate, stage),
  })
  return {
    signers: signatures.ids,
    refusedSignatures: signatures.refused,
    approvers: approvals.ids,
    refusedApprovals: approvals.refused,
    scan: scanned === undefined ? undefined : await scanFacts(await content(), options),
    formats: formats === undefined ? undefined : await formatsOf(await content(), options),
    figures: metrics === undefined ? new Map() : figuresIn(documents),
    hasBeenInFrom: from === undefined ? false : await place.hasBeenIn(from, digest, options),
  }
}

interface Statements {
  readonly bundles: readonly Buffer[]
  readonly subject: Digest
  readonly root: TrustedRoot | undefined
}

interface Wanted {
  readonly predicateType: string
  /** Why a statement that is signed does not count all the same. */
  readonly whyNot?: (predicate: Json) => string | undefined
}

interface Counted {
  readonly ids: ReadonlySet<string>
  readonly refused: readonly string[]
}

/** Who of the signers has signed a statement of that kind about the version. */
async function countSigners(
  signers: Signers | undefined,
  { bundles, subject, root }: Statements,
  { predicateType, whyNot = () => undefined }: Wanted,
): Promise<Counted> {
  const ids = new Set<string>()
  const refused: string[] = []
  if (signers === undefined) return { ids, refused }
  const trusted = trustedOf(signers, root)
  for (const bytes of bundles) {
    const payload = readBundle(bytes)?.envelope.payload
    if ((payload && decodeStatement(payload))?.predicateType !== predicateType) continue
    const verdict = await verifyStatement(bytes, trusted, { subject, predicateType })
    const why = verdict.ok ? whyNot(verdict.value.predicate) : verdict.why
    if (verdict.ok && why === undefined) ids.add(idOf(verdict.by))
    else if (why !== undefined) refused.push(why)
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

/** As `signerId` has it. */
function idOf(by: SignedBy): string {
  return by.kind === 'key' ? by.keyId : `${by.identity} (${by.issuer})`
}

function whyNoApproval(predicate: Json, stage: string): string | undefined {
  const approval = decodeApproval(predicate)
  if (approval === undefined) return 'an approval says nothing of a stage'
  return approval.stage === stage ? undefined : `one approves ${approval.stage}, not ${stage}`
}

/** Each figure as it was measured last. What the model's own card claims is nobody's measurement. */
function figuresIn(documents: readonly AttachedDocument[]): ReadonlyMap<string, number> {
  const measured = documents
    .filter(({ type }) => type === MODEL_METRICS)
    .map(({ data }) => decodeMetrics(data))
    .filter((metrics) => metrics !== undefined && metrics.by !== MODEL_CARD)
  return latestFigures((measured as Metrics[]).sort((a, b) => a.time.localeCompare(b.time)))
}

/** Files that are models by their content, one of each format; `unknown` for what passes itself off as one. */
async function formatsOf(
  { store, version }: ContentOfVersion,
  options: CallOptions,
): Promise<readonly FormatFact[]> {
  const description = await inspectVersion(store, version, { ...options, all: true })
  const named = Object.keys(description.formats)
    .filter((format) => format !== 'plain')
    .map((format) => ({
      path: description.files.find((file) => file.format === format)?.path ?? 'a file',
      format: PART_OF[format] ?? format,
    }))
  const misnamed = description.files
    .filter(
      ({ format, remarks = [] }) =>
        format === 'plain' && remarks.some((remark) => /^its? (?:begins like|name says)/.test(remark)),
    )
    .map(({ path }) => ({ path, format: 'unknown' }))
  const pickled = description.hazards
    .filter(({ path }) => description.files.find((file) => file.path === path)?.format === 'plain')
    .map(({ path }) => ({ path, format: 'pickle' }))
  return [...named, ...misnamed, ...pickled]
}

/** Files that belong to a model of another format. */
const PART_OF: Readonly<Record<string, string>> = {
  'onnx-data': 'onnx',
  'tensorflow-variables': 'tensorflow-saved-model',
}
