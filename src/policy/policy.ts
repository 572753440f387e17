import { isTag, type Json, type Tag } from '../model/index.ts'
import { type Comparison, formatComparison, parseComparison } from './comparison.ts'
import { type Fail, failing, objectIn, refuseOthers } from './fields.ts'
import { decodeSigners, encodeSigners, isKeySigner, type KeyReader, type Signers } from './signers.ts'

/** What a version has to be before a stage may point to it, and for as long as it does. */
export interface Policy {
  readonly stage: Tag
  readonly requires: Requirements
  /** By which certificates of identities count: sigstore's trusted_root.json. Without, none does. */
  readonly root?: Json | undefined
}

export interface Requirements {
  readonly signed?: Signers | undefined
  /** `clean` also refuses formats that can run code, whatever is in them. */
  readonly scanned?: true | 'clean' | undefined
  /** Of files that are models; others, as `config.json`, are not asked. */
  readonly formats?: readonly string[] | undefined
  /** By the figure's path: `eval.accuracy`. */
  readonly metrics?: ReadonlyMap<string, Comparison> | undefined
  /** Approvals of this stage. */
  readonly approved?: Signers | undefined
  /** A stage in which the version has been. */
  readonly from?: Tag | undefined
}

/** In bytes: a record of a log has room for it and its signature. */
export const LARGEST_POLICY = 48 * 1024

const RULES = ['signed', 'scanned', 'formats', 'metrics', 'approved', 'from'] as const

/**
 * The policy that a document is. What is not known in it is refused, never passed over: a rule that is misspelt, or that only a
 * later Ballast knows, must not be one that nothing has to keep. Throws USAGE naming the field; `what` names the document.
 */
export function decodePolicy(
  value: unknown,
  { what, keys, stage: expected }: { readonly what: string; readonly keys: KeyReader; readonly stage?: Tag },
): Policy {
  const fail = failing(what)
  const document = objectIn(value, fail('the document'))
  const { stage = expected, requires, trustedRoot, ...others } = document
  refuseOthers(others, ['stage', 'requires', 'trustedRoot'], fail)
  if (typeof stage !== 'string' || !isTag(stage)) throw fail('stage')('is the name of a tag')
  if (expected !== undefined && stage !== expected) {
    throw fail('stage')(`is ${stage}, and the policy is to be that of ${expected}`)
  }
  const rules = objectIn(requires, fail('requires'))
  const { signed, scanned, formats, metrics, approved, from, ...unknown } = rules
  refuseOthers(unknown, RULES, fail)
  const requirements = withoutUndefined({
    signed: signed === undefined ? undefined : decodeSigners(signed, keys, fail('requires.signed')),
    scanned: decodeScanned(scanned, fail('requires.scanned')),
    formats: decodeFormats(formats, fail('requires.formats')),
    metrics: decodeMetrics(metrics, fail),
    approved: approved === undefined ? undefined : decodeSigners(approved, keys, fail('requires.approved')),
    from: decodeFrom(from, { stage, fail: fail('requires.from') }),
  })
  if (Object.keys(requirements).length === 0) throw fail('requires')('asks for nothing')
  const root = trustedRoot === undefined ? undefined : objectIn(trustedRoot, fail('trustedRoot'))
  if (root === undefined && namesIdentities(requirements)) {
    throw fail('trustedRoot')('is needed where identities may sign: a trusted_root.json, or its path')
  }
  return { stage, requires: requirements, ...(root && { root }) }
}

/** The document in which a policy is kept: the same bytes for the same policy. */
export function encodePolicy({ stage, requires, root }: Policy): Json {
  const { signed, scanned, formats, metrics, approved, from } = requires
  return {
    stage,
    requires: withoutUndefined({
      signed: signed && encodeSigners(signed),
      scanned,
      formats,
      metrics:
        metrics && Object.fromEntries([...metrics].map(([name, bound]) => [name, formatComparison(bound)])),
      approved: approved && encodeSigners(approved),
      from,
    }),
    ...(root && { trustedRoot: root }),
  }
}

function namesIdentities({ signed, approved }: Requirements): boolean {
  return [signed, approved].some((signers) => signers?.by.some((signer) => !isKeySigner(signer)))
}

function decodeScanned(value: unknown, fail: Fail): true | 'clean' | undefined {
  if (value === undefined || value === true || value === 'clean') return value
  throw fail('is true, or clean')
}

function decodeFormats(value: unknown, fail: Fail): readonly string[] | undefined {
  if (value === undefined) return undefined
  const isList =
    Array.isArray(value) && value.length > 0 && value.every((one) => /^[a-z][a-z0-9-]*$/.test(`${one}`))
  if (!isList) throw fail('is a list of formats, as [safetensors, onnx]')
  return value.map(String)
}

function decodeMetrics(
  value: unknown,
  fail: (field: string) => Fail,
): ReadonlyMap<string, Comparison> | undefined {
  if (value === undefined) return undefined
  const entries = Object.entries(objectIn(value, fail('requires.metrics')))
  if (entries.length === 0) throw fail('requires.metrics')('names no figure')
  return new Map(
    entries.map(([name, text]) => {
      const bound = parseComparison(`${text}`)
      if (bound === undefined) throw fail(`requires.metrics.${name}`)('is a bound, as ">=0.9"')
      return [name, bound]
    }),
  )
}

function decodeFrom(
  value: unknown,
  { stage, fail }: { readonly stage: string; readonly fail: Fail },
): Tag | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || !isTag(value)) throw fail('is the name of a tag')
  if (value === stage) throw fail('is the stage itself')
  return value
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as T
}
