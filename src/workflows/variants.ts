import type { Digest } from '../core/index.ts'
import {
  blobsOfVersion,
  formatReference,
  numberOfTag,
  type Proof,
  parseName,
  parseOperand,
  parseReference,
  parseTag,
  STABLE_VARIANT,
  type VariantEdit,
  type VariantSet,
} from '../model/index.ts'
import { changeVariants, type Delivery, linkedVersion, readVariants } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { GRACE_MS } from './mount.ts'
import { requireWhomToTell } from './mount-reload-told.ts'
import { type ResolvedVersion, resolveVersion, withMending } from './resolve.ts'
import { judgeVariants } from './variants-judge.ts'
import type { VariantsCall, VariantsPlace } from './variants-place.ts'
import { versionName } from './version-name.ts'

export interface VariantsEdit extends Omit<VariantEdit, 'placed'> {
  /** Versions for variants, by the variants' names. */
  readonly refs: ReadonlyMap<string, string>
  /** Variants that are to be what the link leads to. */
  readonly ofLink?: readonly string[]
  readonly by: string
}

export interface VariantShare {
  readonly name: string
  readonly weight: number
  /** Of the requests that no rule is for, from 0 to 1. */
  readonly share: number
  /** `sentiment:4` */
  readonly version: string
  readonly digest: Digest
  readonly reference: string
  /** It moves with the link of the target. */
  readonly ofLink: boolean
  readonly tenants: readonly string[]
}

export interface VariantsResult {
  readonly target: string
  readonly link: string
  /** How often the variants were changed. */
  readonly number: number
  /** None where the model is not split. */
  readonly variants: readonly VariantShare[]
  readonly changed: boolean
  readonly bytesCopied: number
  readonly ms: number
  readonly warnings: readonly string[]
  /** What became of it, where an application was to take it over. */
  readonly proof?: Proof
}

/** What is there now. */
export async function readVariantsAt({ target, link }: VariantsPlace): Promise<VariantsResult> {
  const set = await readVariants(target, link)
  const nothing = { changed: false, bytesCopied: 0, ms: 0, warnings: [] }
  const { number = 0, proof } = set ?? {}
  return { target, link, number, variants: sharesOf(set), ...nothing, ...(proof && { proof }) }
}

/**
 * Changes the variants of a link. A name that is new and has no reference is the tag of that name; `stable` is what the link
 * leads to, and is added to a link that was not split. Throws what `changeVariants`, `resolveVersion` and `judgeVariants` do.
 */
export async function applyVariants(
  store: Store,
  { operand, target, link }: VariantsPlace,
  { edit, reloadOf, ...options }: Omit<VariantsCall, 'engine'> & { readonly edit: VariantsEdit },
): Promise<VariantsResult> {
  const started = performance.now()
  const set = await readVariants(target, link)
  const { model, reference } = await linkedVersion(target, link)
  const completed = await completeEdit(store, edit, { set, model })
  const task = await reloadOf?.({ ref: reference, target: operand })
  if (task !== undefined) await requireWhomToTell(task, options)
  await using session = await store.beginReading()
  const resolved = new Map<string, ResolvedVersion>()
  const deliveries = new Map<string, Delivery>()
  for (const [name, ref] of completed.refs) {
    const found = await resolveVersion(store, ref)
    await session.lease(blobsOfVersion(found.version))
    resolved.set(name, found)
    deliveries.set(name, deliveryOf(found))
  }
  const explain = async (error: unknown, name: string): Promise<unknown> => {
    const reference = resolved.get(name)?.reference
    return reference === undefined ? error : withMending(store, error, reference)
  }
  const proof: Proof | undefined = task && { is: 'pending' }
  const settings = { ...options, link: false, by: edit.by, graceMs: GRACE_MS, explain, proof }
  const request = { target, link, deliveries, ofLink: completed.ofLink, edit: completed.edit }
  const { before, after, ...changed } = await changeVariants(store, request, settings)
  // One that was killed in between has left it to be judged.
  const isDue = task !== undefined && after.proof?.is === 'pending'
  const parsed = parseOperand(operand)
  const place = { directory: target, ...(parsed.kind === 'volume' && { volume: parsed.text }) }
  const judged = isDue
    ? await judgeVariants({ target: place, link, task }, { ...options, set: after })
    : after.proof
  return {
    target,
    link,
    number: after.number,
    variants: sharesOf(after),
    changed: after !== before,
    ...changed,
    ...(judged && { proof: judged }),
    ms: Math.round(performance.now() - started),
  }
}

function deliveryOf({ version, number, reference }: ResolvedVersion): Delivery {
  const { digest } = version
  return { version, marker: { model: reference.name, digest, number, reference: formatReference(reference) } }
}

interface CompletedEdit {
  readonly refs: ReadonlyMap<string, string>
  readonly ofLink: readonly string[]
  readonly edit: Omit<VariantEdit, 'placed'>
}

async function completeEdit(
  store: Store,
  { refs: given, ofLink: bound = [], by: _, ...edit }: VariantsEdit,
  { set, model }: { readonly set: VariantSet | undefined; readonly model: string },
): Promise<CompletedEdit> {
  const isKnown = (name: string): boolean => set?.variants.some((variant) => variant.name === name) === true
  const isSplit = (set?.variants.length ?? 0) > 0
  // Who only delivers a variant, or routes a tenant to one, leaves all others with what they have.
  const isBegun = !isSplit && edit.weights.size === 0 && (given.size > 0 || edit.routes.size > 0)
  const weights = isBegun ? new Map([[STABLE_VARIANT, 100]]) : edit.weights
  const refs = new Map(given)
  const ofLink = [...bound]
  const routed = [...edit.routes.values()].filter((name) => name !== undefined)
  for (const name of new Set([...weights.keys(), ...routed])) {
    if (refs.has(name) || isKnown(name)) continue
    const tag = `${model}:${name}`
    if (name === STABLE_VARIANT) ofLink.push(name)
    else if ((await store.records.resolve({ name: parseName(model), tag: parseTag(name) })) !== undefined)
      refs.set(name, tag)
  }
  return { refs, ofLink, edit: { ...edit, weights } }
}

/** The variants that are of tags, and what these point to now; those of the link are brought to it as well. */
export function movingVariants(set: VariantSet | undefined): {
  readonly refs: ReadonlyMap<string, string>
  readonly ofLink: readonly string[]
} {
  const refs = new Map<string, string>()
  const ofLink: string[] = []
  for (const variant of set?.variants ?? []) {
    const { tag } = parseReference(variant.reference)
    if (variant.ofLink === true) ofLink.push(variant.name)
    else if (tag !== undefined && numberOfTag(tag) === undefined) refs.set(variant.name, variant.reference)
  }
  return { refs, ofLink }
}

/** For people and for `--json`; none where the model is not split. */
export function sharesOf(set: VariantSet | undefined): readonly VariantShare[] {
  const variants = set?.variants ?? []
  const all = variants.reduce((sum, { weight }) => sum + weight, 0)
  return variants.map(({ name, weight, model, number, digest, reference, ofLink = false }) => ({
    name,
    weight,
    share: all === 0 ? 0 : weight / all,
    version: versionName({ model, number, reference }),
    digest,
    reference,
    ofLink,
    tenants: (set?.rules ?? []).filter(({ variant }) => variant === name).map(({ tenant }) => tenant),
  }))
}
