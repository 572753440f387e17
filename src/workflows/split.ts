import { BallastError } from '../core/index.ts'
import { checkVariantName, checkWeight } from '../model/index.ts'
import { readVariants } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { changeImageVariants, type ImageVariantsCall, type ImageVariantsResult } from './image-variants.ts'
import { applyVariants, movingVariants, readVariantsAt, type VariantsResult } from './variants.ts'
import { findVariantsPlace, type PlaceRequest, type VariantsCall } from './variants-place.ts'

export interface SplitRequest extends PlaceRequest {
  /** `NAME=WEIGHT`, `NAME=REF`. */
  readonly assignments: readonly string[]
  readonly withdraw: readonly string[]
  /** Brings the variants of tags to what these point to now. */
  readonly update: boolean
}

/**
 * Shares the keys of a mounted model among several versions of it, or says how they are shared where nothing is asked for.
 * Throws USAGE, NOT_FOUND, REFUSED where an application has not taken it, and what a delivery does.
 */
export async function split(
  store: Store,
  { assignments, withdraw, update, ...place }: SplitRequest,
  { engine, reloadOf, ...options }: VariantsCall,
): Promise<VariantsResult> {
  const { weights, refs } = parseAssignments(assignments)
  const found = await findVariantsPlace(place, { engine, ...options })
  if (assignments.length === 0 && withdraw.length === 0 && !update) return readVariantsAt(found)
  const moving = update ? movingVariants(await readVariants(found.target, found.link)) : undefined
  const edit = {
    weights,
    refs: new Map([...(moving?.refs ?? []), ...refs]),
    ofLink: moving?.ofLink.filter((name) => !refs.has(name)) ?? [],
    withdrawn: withdraw.map(checkVariantName),
    routes: new Map(),
    by: [
      'split',
      ...assignments,
      ...withdraw.map((name) => `--withdraw ${name}`),
      ...(update ? ['--update'] : []),
    ].join(' '),
  }
  return applyVariants(store, found, { ...options, reloadOf, edit })
}

/** The same of the images beside one that holds a model: each variant is an image, and nothing here shares requests. */
export async function splitImage(
  store: Store,
  { operand, assignments, withdraw, update }: Omit<SplitRequest, 'as' | 'directory'>,
  options: ImageVariantsCall,
): Promise<ImageVariantsResult> {
  const { weights, refs } = parseAssignments(assignments)
  if (weights.size > 0 || update) {
    throw new BallastError(
      'USAGE',
      `${operand} is an image, and which requests go to which image is not for Ballast`,
      {
        hint: 'name the version of each variant (canary=sentiment:4), and share requests in Compose, Kubernetes or the load balancer',
      },
    )
  }
  return changeImageVariants(store, { image: operand, refs, withdrawn: withdraw }, options)
}

/** Throws USAGE. */
function parseAssignments(assignments: readonly string[]): {
  readonly weights: ReadonlyMap<string, number>
  readonly refs: ReadonlyMap<string, string>
} {
  const weights = new Map<string, number>()
  const refs = new Map<string, string>()
  for (const text of assignments) {
    const [, name = '', value = ''] = /^([^=]*)=(.+)$/s.exec(text) ?? []
    if (name === '') {
      throw new BallastError('USAGE', `${JSON.stringify(text)} is neither NAME=WEIGHT nor NAME=REF`, {
        hint: 'write stable=90 canary=10, and canary=sentiment:4 for a version',
      })
    }
    checkVariantName(name)
    const isWeight = /^[-+]?\d+(?:\.\d*)?%?$/.test(value)
    const values: Map<string, unknown> = isWeight ? weights : refs
    if (values.has(name)) {
      throw new BallastError('USAGE', `${name} has two ${isWeight ? 'weights' : 'versions'}`, {
        hint: 'leave one out',
      })
    }
    values.set(name, isWeight ? checkWeight(Number(value)) : value)
  }
  return { weights, refs }
}
