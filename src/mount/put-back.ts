import { join } from 'node:path'
import { BallastError } from '../core/index.ts'
import { blobsOfVersion } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { deliverFollowing, type FollowingOptions, type Swapped } from './following.ts'
import { GENERATIONS } from './names.ts'
import { formerServed } from './proof.ts'
import { recordsOf, seeTarget } from './seen.ts'
import type { Generation } from './state.ts'
import { readTree } from './tree.ts'

export interface Failed {
  readonly target: string
  /** The link. */
  readonly name: string
  /** Of the version that is to be left. */
  readonly id: string
  readonly why: string
}

/**
 * Makes the link lead to the version before again, by one rename, and records why. Its tree is in the target; of the store
 * nothing is needed unless that was damaged. Undefined where there is none. Throws CONFLICT where the link has moved meanwhile.
 */
export async function putBack(
  store: Store,
  { target, name, id, why }: Failed,
  options: Omit<FollowingOptions, 'by' | 'leaves' | 'proof'>,
): Promise<{ readonly to: Generation; readonly swapped: Swapped } | undefined> {
  const seen = await seeTarget(target)
  const followed = (await recordsOf(seen)).get(name)
  const former = followed && formerServed(followed)
  if (former === undefined) return undefined
  const tree = await readTree(join(target, GENERATIONS, former.id))
  if (tree === undefined) {
    throw new BallastError(
      'NOT_FOUND',
      `the version before (${former.digest}) is not in ${target} any more`,
      {
        hint: `deliver it again: ballast mount ${followed?.model}@${former.digest} ${target} --follow --once`,
      },
    )
  }
  await using session = await store.beginReading()
  await session.lease(blobsOfVersion(tree.version))
  const swapped = await deliverFollowing(
    store,
    { target, name, delivery: tree },
    // The application has yet to be told that it is back.
    { ...options, by: PUT_BACK, leaves: { id, why }, proof: 'pending' },
  )
  return { to: former, swapped }
}

export const PUT_BACK = 'put back'
