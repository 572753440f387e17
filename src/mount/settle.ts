import type { CallOptions } from '../core/index.ts'
import type { Proof } from '../model/index.ts'
import { withTargetLock } from './following.ts'
import { withProof } from './proof.ts'
import { recordsOf, seeTarget } from './seen.ts'
import { writeState } from './state.ts'

/** Records what became of the version that a link leads to, or has led to: `id` of its directory. */
export function settleProof(
  target: string,
  { name, id, proof }: { readonly name: string; readonly id: string; readonly proof: Proof },
  options: CallOptions = {},
): Promise<void> {
  return withTargetLock(target, options, async () => {
    const seen = await seeTarget(target)
    const followed = (await recordsOf(seen)).get(name)
    if (followed === undefined) return
    const models = { ...seen.state.models, [name]: withProof(followed, { id, proof }) }
    await writeState(target, { version: 1, models })
  })
}
