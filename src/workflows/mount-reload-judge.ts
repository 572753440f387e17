import { type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import type { Proof } from '../model/index.ts'
import type { ReloadedPlace } from './mount-reload-place.ts'
import { type ReloadTask, tellAll } from './mount-reload-told.ts'

/** What became of a version that the applications were told of. */
export interface Judged {
  /** `sentiment:3` */
  readonly version: string
  readonly digest: Digest
  readonly proof: Proof
  /** What the link leads to again, and whether the applications have taken that. */
  readonly putBack?: { readonly version: string; readonly digest: Digest; readonly proof: Proof }
}

export interface Told {
  readonly judged: Judged
  /** The directory of the version that the applications were told of last. */
  readonly id: string
}

/**
 * Tells the applications of what the link leads to and waits for their word. Without it the version before is put back, and
 * they are told of that. What is killed in between is found `pending` by the next. Throws INTERRUPTED, and what the Engine does.
 */
export async function judge(
  { place, task }: { readonly place: ReloadedPlace; readonly task: ReloadTask },
  options: CallOptions,
): Promise<Told | undefined> {
  const { target, name, settle } = place
  const followed = await place.followed()
  const current = followed?.generations.at(-1)
  if (followed === undefined || current === undefined) return undefined
  const { model } = followed
  const { id, digest, number } = current
  const judged = { version: `${model}:${number}`, digest }
  if (current.proof?.is !== 'pending') await settle(id, { is: 'pending' })

  const { verdict, told } = await tellAll(task, { target, version: { model, digest, number, name } }, options)
  // One that was put back is not left for another one still.
  const failed = verdict.is === 'failed' && current.by !== 'put back' ? verdict : undefined
  const back =
    failed &&
    (await place.putBack(id, failed.why).catch((error: unknown) => {
      // Somebody has moved it on: that is judged next.
      if (isBallastError(error, 'CONFLICT')) return undefined
      throw error
    }))
  if (back === undefined) {
    await settle(id, verdict)
    return { id, judged: { ...judged, proof: verdict } }
  }
  const former = { model, digest: back.to.digest, number: back.to.number, name }
  const again = await tellAll(task, { target, version: former, only: told }, options)
  await settle(back.to.id, again.verdict)
  const there = { version: `${model}:${former.number}`, digest: former.digest, proof: again.verdict }
  return { id: back.to.id, judged: { ...judged, proof: verdict, putBack: there } }
}
