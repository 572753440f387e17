import { join } from 'node:path'
import { BallastError } from '../core/index.ts'
import { blobsOfVersion } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { deliverFollowing, type FollowingOptions, type Swapped } from './following.ts'
import { GENERATIONS } from './names.ts'
import { formerServed } from './proof.ts'
import { recordsOf, seeTarget } from './seen.ts'
import type { Followed, Generation } from './state.ts'
import { readTree } from './tree.ts'

export interface Failed {
  readonly target: string
  /** The link. */
  readonly name: string
  /** Of the version that is to be left. */
  readonly id: string
  readonly why: string
}

export interface PutBack {
  readonly to: Generation
  readonly swapped: Swapped
}

/**
 * Makes the link lead to the version before again, by one rename, and records why. Its tree is in the target; of the store
 * nothing is needed unless that was damaged. Undefined where there is none. Throws CONFLICT where the link has moved meanwhile.
 */
export async function putBack(
  store: Store,
  failed: Failed,
  options: Omit<FollowingOptions, 'by' | 'leaves' | 'proof'>,
): Promise<PutBack | undefined> {
  const { target, name } = failed
  const seen = await seeTarget(target)
  const followed = (await recordsOf(seen)).get(name)
  const former = followed && formerServed(followed)
  if (followed === undefined || former === undefined) return undefined
  const tree = await readTree(join(target, GENERATIONS, former.id))
  if (tree === undefined) throw goneFormer(followed, { target, former })
  await using session = await store.beginReading()
  await session.lease(blobsOfVersion(tree.version))
  const delivered = { target, name, delivery: tree }
  return { to: former, swapped: await deliverFollowing(store, delivered, putBackOptions(failed, options)) }
}

export function putBackOptions<T>(
  { id, why }: Pick<Failed, 'id' | 'why'>,
  options: T,
): T & Required<Pick<FollowingOptions, 'by' | 'leaves' | 'proof'>> {
  // The application has yet to be told that it is back.
  return { ...options, by: 'put back', leaves: { id, why }, proof: 'pending' }
}

export function goneFormer(
  { model }: Followed,
  { target, former: { digest } }: { readonly target: string; readonly former: Generation },
): BallastError {
  return new BallastError('NOT_FOUND', `the version before (${digest}) is not in ${target} any more`, {
    hint: `deliver it again: ballast mount ${model}@${digest} ${target} --follow --once`,
  })
}
