import { BallastError, type CallOptions } from '../core/index.ts'
import { type Proof, type VariantSet, withVariantProof, withVariantsPutBack } from '../model/index.ts'
import { withTargetLock } from './following.ts'
import { readVariants, writeVariants } from './variant-files.ts'

export interface VariantsChange {
  readonly target: string
  readonly link: string
  /** Of the change. */
  readonly number: number
}

/** Records what became of a change of a link's variants. */
export function settleVariants(
  { target, link, number }: VariantsChange,
  { proof, ...options }: CallOptions & { readonly proof: Proof },
): Promise<void> {
  return withTargetLock(target, options, async () => {
    const set = await readVariants(target, link)
    const settled = set && withVariantProof(set, { number, proof })
    if (settled !== undefined && settled !== set) await writeVariants(target, { link, set: settled })
  })
}

/**
 * Makes the variants of the link what they were before the change, by one rename, and records why. Throws CONFLICT where they have been
 * changed again meanwhile.
 */
export function putBackVariants(
  { target, link, number }: VariantsChange,
  { why, ...options }: CallOptions & { readonly why: string },
): Promise<VariantSet> {
  return withTargetLock(target, options, async () => {
    const set = await readVariants(target, link)
    if (set?.number !== number) {
      throw new BallastError('CONFLICT', `the variants of ${target}/${link} have been changed meanwhile`, {
        hint: `see what there is: ballast split ${target}`,
      })
    }
    const back = withVariantsPutBack(set, { why, time: new Date().toISOString() })
    await writeVariants(target, { link, set: back })
    return back
  })
}
