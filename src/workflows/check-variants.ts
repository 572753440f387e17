import { BallastError, isBallastError } from '../core/index.ts'
import { type VariantSet, whyPutBack } from '../model/index.ts'
import { linkedNames, readRoot, readVariants } from '../mount/index.ts'
import type { CheckResult } from './check-target.ts'
import { sharesOf } from './variants.ts'

/** What each split link is split into, or why that cannot be told, by the names of the links. */
export async function splitsOf(target: string): Promise<ReadonlyMap<string, VariantSet | BallastError>> {
  const sets = new Map<string, VariantSet | BallastError>()
  for (const name of linkedNames(await readRoot(target))) {
    const split = await splitOr(() => readVariants(target, name))
    if (split !== undefined) sets.set(name, split)
  }
  return sets
}

/** Undefined where the link is not split; one whose variants have just been put back is told of, though it has none. */
export async function splitOr(
  read: () => Promise<VariantSet | undefined>,
): Promise<VariantSet | BallastError | undefined> {
  try {
    const set = await read()
    return set === undefined || (set.variants.length === 0 && set.proof === undefined) ? undefined : set
  } catch (error) {
    if (isBallastError(error, 'DAMAGED')) return error
    throw error
  }
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
  const what = left === undefined ? set.by : 'the variants before'
  return [
    ...(left === undefined ? [] : [`${left.by} was put back: ${left.proof?.why ?? ''}`]),
    ...(set.proof?.is === 'pending' ? [`whether the application takes ${what} is yet to be proven`] : []),
    ...(set.proof?.is === 'failed' ? [`the application does not take ${what}: ${set.proof.why}`] : []),
  ]
}

const MOST_TENANTS = 5
