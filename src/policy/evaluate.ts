import { formatComparison, holds } from './comparison.ts'
import type { Policy, Requirements } from './policy.ts'
import { formatSigner, type Signers, signerId } from './signers.ts'

/**
 * What is known of a version. Signatures are verified and files looked at by whoever asks; figures and where it has been are on the
 * word of whoever may write where the version is.
 */
export interface Facts {
  /** Whose signatures of the version hold, among those whom the policy names. */
  readonly signers: ReadonlySet<string>
  /** Signatures that are there and do not count, and why; for people. */
  readonly refusedSignatures: readonly string[]
  readonly approvers: ReadonlySet<string>
  readonly refusedApprovals: readonly string[]
  /** Undefined where the policy does not ask. */
  readonly scan: ScanFacts | undefined
  /** Files that are models, and those that cannot be told. */
  readonly formats: readonly FormatFact[] | undefined
  readonly figures: ReadonlyMap<string, number>
  readonly hasBeenInFrom: boolean
}

export interface ScanFacts {
  readonly verdict: 'clean' | 'executable' | 'hostile' | 'unreadable'
  /** The files of that verdict, and what was found; for people. */
  readonly findings: readonly string[]
}

export interface FormatFact {
  readonly path: string
  readonly format: string
}

/** How a version keeps one rule. */
export interface Verdict {
  /** `signed`, `scanned`, `formats`, `metrics.accuracy`, `approved`, `from`. */
  readonly rule: string
  readonly passed: boolean
  readonly required: string
  readonly found: string
  /** A command; what else to do where none helps. */
  readonly satisfy: string
}

/** How commands name the version and its stage. */
export interface Naming {
  /** By number or digest, as it never moves: `sentiment:3`. */
  readonly ref: string
  /** Another stage of the model: `sentiment:staging`. */
  readonly stageRef: (stage: string) => string
}

/** All rules in the order of the policy, those that are kept too. */
export function evaluate({ stage, requires }: Policy, facts: Facts, naming: Naming): readonly Verdict[] {
  return [
    ...signedRule(requires, facts, naming),
    ...scannedRule(requires, facts, naming),
    ...formatsRule(requires, facts),
    ...metricRules(requires, facts, naming),
    ...approvedRule(requires, facts, { ...naming, stage }),
    ...fromRule(requires, facts, naming),
  ]
}

function signedRule(
  { signed }: Requirements,
  { signers, refusedSignatures }: Facts,
  { ref }: Naming,
): readonly Verdict[] {
  if (signed === undefined) return []
  const { holding, missing, passed } = countOf(signed, signers)
  return [
    {
      rule: 'signed',
      passed,
      required: `signed by ${wanted(signed)}`,
      found: foundOf({ holding, refused: refusedSignatures, none: 'no signature by any of them' }),
      satisfy: `ballast sign ${ref} --key KEY, with the key of ${missing.join(' or ')}`,
    },
  ]
}

function approvedRule(
  { approved }: Requirements,
  { approvers, refusedApprovals }: Facts,
  { ref, stage }: Naming & { readonly stage: string },
): readonly Verdict[] {
  if (approved === undefined) return []
  const { holding, missing, passed } = countOf(approved, approvers)
  return [
    {
      rule: 'approved',
      passed,
      required: `approved for ${stage} by ${wanted(approved)}`,
      found: foundOf({ holding, refused: refusedApprovals, none: 'no approval by any of them' }),
      satisfy: `ballast approve ${ref} ${stage} --key KEY, with the key of ${missing.join(' or ')}`,
    },
  ]
}

function scannedRule({ scanned }: Requirements, { scan }: Facts, { ref }: Naming): readonly Verdict[] {
  if (scanned === undefined) return []
  const verdict = scan?.verdict ?? 'unreadable'
  const passed = verdict === 'clean' || (verdict === 'executable' && scanned !== 'clean')
  const [first, ...more] = scan?.findings ?? []
  const told = first === undefined ? '' : `: ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`
  return [
    {
      rule: 'scanned',
      passed,
      required:
        scanned === 'clean' ? 'no file that can run code' : 'no file that is hostile or cannot be read',
      found: `${verdict}${told}`,
      satisfy:
        verdict === 'executable'
          ? 'save the model in a format that cannot run code, as safetensors or ONNX, and add that'
          : `no command: ballast scan ${ref} tells what is wrong with it; add a version without`,
    },
  ]
}

function formatsRule({ formats }: Requirements, facts: Facts): readonly Verdict[] {
  if (formats === undefined) return []
  const found = facts.formats ?? []
  const other = found.filter(({ format }) => !formats.includes(format))
  const [first, ...more] = other
  const told =
    first === undefined
      ? [...new Set(found.map(({ format }) => format))].join(', ') || 'no file of any of them'
      : `${first.path} is ${first.format}${more.length > 0 ? `, and ${more.length} more` : ''}`
  return [
    {
      rule: 'formats',
      passed: other.length === 0 && found.length > 0,
      required: `formats: ${formats.join(', ')}`,
      found: told,
      satisfy: `save the model as ${formats.join(' or ')}, and add that`,
    },
  ]
}

function metricRules(
  { metrics = new Map() }: Requirements,
  { figures }: Facts,
  { ref }: Naming,
): readonly Verdict[] {
  return [...metrics].map(([name, bound]) => {
    const figure = figures.get(name)
    const passed = figure !== undefined && holds(figure, bound)
    return {
      rule: `metrics.${name}`,
      passed,
      required: `${name} ${formatComparison(bound)}`,
      found: figure === undefined ? `no figure ${name}` : `${name} ${figure}`,
      satisfy:
        figure === undefined
          ? `ballast attach ${ref} metrics.json, with ${name} as it was measured`
          : 'a version that measures better',
    }
  })
}

function fromRule(
  { from }: Requirements,
  { hasBeenInFrom }: Facts,
  { ref, stageRef }: Naming,
): readonly Verdict[] {
  if (from === undefined) return []
  return [
    {
      rule: 'from',
      passed: hasBeenInFrom,
      required: `has been in ${from}`,
      found: hasBeenInFrom ? `it has been in ${stageRef(from)}` : `it has never been in ${stageRef(from)}`,
      satisfy: `ballast promote ${ref} ${from}`,
    },
  ]
}

function countOf(
  { by, count }: Signers,
  ids: ReadonlySet<string>,
): { readonly holding: readonly string[]; readonly missing: readonly string[]; readonly passed: boolean } {
  const holding = by.filter((signer) => ids.has(signerId(signer)))
  return {
    holding: holding.map(formatSigner),
    missing: by.filter((signer) => !ids.has(signerId(signer))).map(formatSigner),
    passed: holding.length >= count,
  }
}

function wanted({ by, count }: Signers): string {
  const names = by.map(formatSigner).join(', ')
  if (by.length === 1) return names
  return count === by.length ? `all of ${names}` : `${count} of ${names}`
}

function foundOf({
  holding,
  refused,
  none,
}: {
  readonly holding: readonly string[]
  readonly refused: readonly string[]
  readonly none: string
}): string {
  const [first, ...more] = refused
  const bad = first === undefined ? '' : ` (${first}${more.length > 0 ? `, and ${more.length} more` : ''})`
  return `${holding.length === 0 ? none : holding.join(', ')}${bad}`
}
