import { BallastError, type Digest } from '../core/index.ts'
import { isName } from './names.ts'
import type { Proof } from './proof.ts'

/** One of several versions that a link of a following target has at once. */
export interface Variant {
  readonly name: string
  /** A whole number; its share of all weights is the share of the keys that it gets. */
  readonly weight: number
  /** The name of its directory below `.ballast/versions/`. */
  readonly id: string
  readonly model: string
  readonly digest: Digest
  readonly number: number
  readonly reference: string
  /** It is what the link leads to, and moves with it. */
  readonly ofLink?: true
}

/** A tenant's requests go to the variant, whatever the weights. */
export interface VariantRule {
  readonly tenant: string
  readonly variant: string
}

/** The variants after a change. `time` is ISO 8601, `by` what was asked for. */
export interface VariantChange {
  readonly number: number
  readonly time: string
  readonly by: string
  readonly variants: readonly Variant[]
  readonly rules: readonly VariantRule[]
  /** What became of it where an application was to take it over. */
  readonly proof?: Proof
}

/** `.ballast/variants/<link>.json`: docs/design.md, "Variants". No variants: the link is not split any more. */
export interface VariantSet extends VariantChange {
  readonly version: 1
  /** Of the model behind the link when it was split first; part of what is hashed to pick, so it never changes. */
  readonly model: string
  /** Oldest first. */
  readonly former: readonly VariantChange[]
}

/** What the usual variant is called: of a model that is not split, and of the link unless told otherwise. */
export const STABLE_VARIANT = 'stable'

const LONGEST_HISTORY = 50
const LARGEST_WEIGHT = 1_000_000
const LONGEST_NAME = 64

/** `<number>-<12 digits>`, and something behind it where that was taken. */
export function isGenerationId(id: string): boolean {
  return /^\d+-[0-9a-f]{12}(?:\.[0-9a-f]{6})?$/.test(id)
}

export function isVariantName(name: string): boolean {
  return isName(name) && !name.includes('/') && name.length <= LONGEST_NAME
}

/** Throws USAGE. */
export function checkVariantName(name: string): string {
  if (isVariantName(name)) return name
  throw new BallastError('USAGE', `not a name for a variant: ${JSON.stringify(name)}`, {
    hint: `use at most ${LONGEST_NAME} lower-case letters and digits, joined by one of . _ -`,
  })
}

/** A whole number that may be a weight. Throws USAGE. */
export function checkWeight(weight: number): number {
  if (Number.isSafeInteger(weight) && weight >= 0 && weight <= LARGEST_WEIGHT) return weight
  throw new BallastError('USAGE', `not a weight: ${weight}`, {
    hint: `use a whole number from 0 to ${LARGEST_WEIGHT.toLocaleString('en-US')}; only proportions count`,
  })
}

export function noVariants(model: string): VariantSet {
  return { version: 1, model, number: 0, time: '', by: '', variants: [], rules: [], former: [] }
}

/** A version that has been delivered, for a variant. */
export type PlacedVariant = Omit<Variant, 'name' | 'weight'>

export interface VariantEdit {
  /** New variants, and new versions of those that there are. */
  readonly placed: ReadonlyMap<string, PlacedVariant>
  /** Of all variants that are to get keys by their weight, or none. */
  readonly weights: ReadonlyMap<string, number>
  readonly withdrawn: readonly string[]
  /** By tenant; undefined takes a rule away. */
  readonly routes: ReadonlyMap<string, string | undefined>
}

/** The set after the change; the same object where nothing changes. Throws USAGE and NOT_FOUND. */
export function editVariants(
  set: VariantSet,
  edit: VariantEdit,
  { time, by }: { readonly time: string; readonly by: string },
): VariantSet {
  refuseUnknown(set, edit)
  const rules = editRules(set, edit)
  const idle = unrouted(set, { edit, rules })
  const gone = [...edit.withdrawn, ...idle]
  const variants = withPlaced(set.variants, edit.placed)
    .filter(({ name }) => !gone.includes(name))
    .map((variant) => ({ ...variant, weight: edit.weights.get(variant.name) ?? variant.weight }))
  refuseForgotten(variants, edit)
  refuseWeightless(variants)
  if (JSON.stringify([variants, rules]) === JSON.stringify([set.variants, set.rules])) return set
  return followedBy(set, { variants, rules }, { time, by })
}

/** The set with another state in place of its own, which stays in its history. */
export function followedBy(
  set: VariantSet,
  { variants, rules }: Pick<VariantChange, 'variants' | 'rules'>,
  { time, by }: Pick<VariantChange, 'time' | 'by'>,
): VariantSet {
  const { version, model, number } = set
  return { version, model, number: number + 1, time, by, variants, rules, former: withFormer(set) }
}

function withPlaced(
  variants: readonly Variant[],
  placed: ReadonlyMap<string, PlacedVariant>,
): readonly Variant[] {
  const known = variants.map(({ name, weight, ...was }) => ({ name, weight, ...(placed.get(name) ?? was) }))
  const added = [...placed].filter(([name]) => variants.every((variant) => variant.name !== name))
  return [...known, ...added.map(([name, version]) => ({ name, weight: 0, ...version }))]
}

function withFormer({ version: _, model: __, former, ...change }: VariantSet): readonly VariantChange[] {
  return change.number === 0 ? former : [...former, change].slice(-LONGEST_HISTORY)
}

function editRules(set: VariantSet, { routes, withdrawn }: VariantEdit): readonly VariantRule[] {
  const kept = set.rules
    .map(({ tenant, variant }) => ({ tenant, variant: routes.has(tenant) ? routes.get(tenant) : variant }))
    .filter((rule): rule is VariantRule => rule.variant !== undefined && !withdrawn.includes(rule.variant))
  const added = [...routes].flatMap(([tenant, variant]) =>
    variant === undefined || set.rules.some((rule) => rule.tenant === tenant) ? [] : [{ tenant, variant }],
  )
  return [...kept, ...added]
}

/** Variants that were there only for tenants whose rules have gone. */
function unrouted(
  { variants, rules: before }: VariantSet,
  { edit, rules }: { readonly edit: VariantEdit; readonly rules: readonly VariantRule[] },
): readonly string[] {
  const isNamed = (name: string): boolean => edit.placed.has(name) || edit.weights.has(name)
  const hasRule = (all: readonly VariantRule[], name: string): boolean =>
    all.some(({ variant }) => variant === name)
  return variants.flatMap(({ name, weight }) =>
    weight === 0 && !isNamed(name) && hasRule(before, name) && !hasRule(rules, name) ? [name] : [],
  )
}

function refuseUnknown({ variants, rules }: VariantSet, edit: VariantEdit): void {
  const known = new Set([...variants.map(({ name }) => name), ...edit.placed.keys()])
  const routed = [...edit.routes.values()].filter((name) => name !== undefined)
  for (const name of [...edit.weights.keys(), ...edit.withdrawn, ...routed]) {
    if (known.has(name)) continue
    throw new BallastError('NOT_FOUND', `there is no variant ${name}`, {
      hint: `say which version it is: ${name}=REF${known.size === 0 ? '' : `; there are ${[...known].join(', ')}`}`,
    })
  }
  for (const [tenant, variant] of edit.routes) {
    if (variant !== undefined || rules.some((rule) => rule.tenant === tenant)) continue
    throw new BallastError('NOT_FOUND', `there is no rule for the tenant ${JSON.stringify(tenant)}`, {
      hint: `there are rules for ${rules.map((rule) => rule.tenant).join(', ') || 'no tenant'}`,
    })
  }
}

/** A variant whose weight is not said again would get another share without anybody having said so. */
function refuseForgotten(variants: readonly Variant[], { weights }: VariantEdit): void {
  if (weights.size === 0) return
  const forgotten = variants.find(({ name, weight }) => weight > 0 && !weights.has(name))
  if (forgotten === undefined) return
  throw new BallastError('USAGE', `${forgotten.name} has a weight, and what it is to be now is not said`, {
    hint: `name the weight of each: ${variants
      .filter(({ weight }) => weight > 0)
      .map(({ name, weight }) => `${name}=${weight}`)
      .join(' ')}`,
  })
}

function refuseWeightless(variants: readonly Variant[]): void {
  if (variants.length === 0 || variants.some(({ weight }) => weight > 0)) return
  throw new BallastError('USAGE', 'no variant would get the requests that no rule is for', {
    hint: `give one a weight: ${variants[0]?.name}=100; or withdraw all: ${variants.map(({ name }) => `--withdraw ${name}`).join(' ')}`,
  })
}
