import type { Proof } from './proof.ts'
import { followedBy, noVariants, type Variant, type VariantChange, type VariantSet } from './variants.ts'

/** The set with what became of the change of that number; the same object where it knows none. */
export function withVariantProof(
  set: VariantSet,
  { number, proof }: { readonly number: number; readonly proof: Proof },
): VariantSet {
  if (set.number === number) return { ...set, proof }
  if (set.former.every((one) => one.number !== number)) return set
  return { ...set, former: set.former.map((one) => (one.number === number ? { ...one, proof } : one)) }
}

/** The newest state before that no application has failed to take: without variants where there is none. */
export function formerVariants({ model, former }: VariantSet): Pick<VariantChange, 'variants' | 'rules'> {
  return (
    former.findLast(({ proof }) => proof?.is !== 'pending' && proof?.is !== 'failed') ?? noVariants(model)
  )
}

/** Back to the state before. The application has yet to be told of that. */
export function withVariantsPutBack(
  set: VariantSet,
  { why, time }: { readonly why: string; readonly time: string },
): VariantSet {
  const failed: VariantSet = { ...set, proof: { is: 'failed', why } }
  return { ...followedBy(failed, formerVariants(set), { time, by: PUT_BACK }), proof: { is: 'pending' } }
}

export const PUT_BACK = 'put back'

/** Why the state before this one was left, where that is what happened last. */
export function whyPutBack({ by, former }: VariantSet): VariantChange | undefined {
  return by === PUT_BACK ? former.at(-1) : undefined
}

/** The variants whose versions the state before did not have: what an application has to load. */
export function newVariants(
  { variants }: VariantChange,
  before: Pick<VariantChange, 'variants'>,
): readonly Variant[] {
  const known = new Set(before.variants.map(({ digest }) => digest))
  return variants.filter(({ digest }) => !known.has(digest))
}
