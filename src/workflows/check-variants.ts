import { BallastError, isBallastError } from '../core/index.ts'
import { type VariantSet, whyPutBack } from '../model/index.ts'
import { linkedNames, readRoot, readVariants } from '../mount/index.ts'
import type { CheckResult } from './check-target.ts'
import { sharesOf } from './variants.ts'

/** What each split link is split into, or why that cannot be told, by the names of the links. */
export async function splitsOf(target: string): Promise<ReadonlyMap<string, VariantSet | BallastError>> {
  const sets = new Map<string, VariantSet | BallastError>()
  for (const name of linkedNames(await readRoot(target))) {
    const set = await readVariants(target, name).catch((error: unknown) => {
      if (isBallastError(error, 'DAMAGED')) return error
      throw error
    })
    if (set instanceof BallastError || (set !== undefined && isTold(set))) sets.set(name, set)
  }
  return sets
}

/** One that has no variants any more is told of where they have just been put back. */
function isTold(set: VariantSet): boolean {
  return set.variants.length > 0 || set.proof !== undefined
}

/** The result of a link, with what it is split into. */
export function withSplit(result: CheckResult, set: VariantSet | BallastError | undefined): CheckResult {
  if (set === undefined) return result
  if (set instanceof BallastError) {
    return { ...result, faults: [...result.faults, set.message], mend: result.mend ?? set.hint }
  }
  const shares = sharesOf(set).map(({ name, share, version, tenants }) => {
    const keys = share > 0 ? [`${Number((share * 100).toPrecision(3))} % of keys`] : []
    const more = tenants.length > MOST_TENANTS ? ', …' : ''
    const of = tenants.length > 0 ? [`tenants ${tenants.slice(0, MOST_TENANTS).join(', ')}${more}`] : []
    return `variant ${name}: ${[version, ...keys, ...of].join(', ')}`
  })
  return { ...result, notes: [...(result.notes ?? []), ...shares, ...reloadNotes(set)] }
}

function reloadNotes(set: VariantSet): readonly string[] {
  const left = whyPutBack(set)
  return [
    ...(left === undefined ? [] : [`${left.by} was put back: ${left.proof?.why ?? ''}`]),
    ...(set.proof?.is === 'pending' ? [`whether the application takes ${set.by} is yet to be proven`] : []),
    ...(set.proof?.is === 'failed' ? [`the application does not take ${set.by}: ${set.proof.why}`] : []),
  ]
}

const MOST_TENANTS = 5
