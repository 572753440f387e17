import type { CallOptions } from '../core/index.ts'
import { withTargetLock } from './following.ts'
import { prune, type Retention } from './generations.ts'
import { recordsOf, seeTarget } from './seen.ts'

/**
 * Removes from a following target what nobody can be expected to be opening any more, as the next delivery would. Throws LOCKED
 * while another process is busy with the target, DAMAGED for a state that cannot be read.
 */
export function retireGenerations(
  target: string,
  { graceMs, keep, signal }: CallOptions & Retention,
): Promise<void> {
  return withTargetLock(target, { signal }, async () => {
    const records = await recordsOf(await seeTarget(target))
    await prune(target, [...records.values()], { graceMs, keep })
  })
}
