import { type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import { type Followed, type Proof, putBack, recordsOf, seeTarget, settleProof } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { GRACE_MS } from './mount.ts'
import { type ReloadTask, tellAll } from './mount-reload-told.ts'

/** A link on this host that applications find their model by. */
export interface ReloadedPlace {
  readonly directory: string
  readonly volume?: string | undefined
  readonly name: string
  readonly link: boolean
}

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

/** Undefined where there is no such link. */
export async function followedAt({ directory, name }: ReloadedPlace): Promise<Followed | undefined> {
  return (await recordsOf(await seeTarget(directory))).get(name)
}

/**
 * Tells the applications of what the link leads to and waits for their word. Without it the version before is put back, and
 * they are told of that. What is killed in between is found `pending` by the next. Throws INTERRUPTED, and what the Engine does.
 */
export async function judge(
  store: Store,
  { place, task }: { readonly place: ReloadedPlace; readonly task: ReloadTask },
  options: CallOptions,
): Promise<Told | undefined> {
  const { directory, volume, name, link } = place
  const target = { directory, volume }
  const followed = await followedAt(place)
  const current = followed?.generations.at(-1)
  if (followed === undefined || current === undefined) return undefined
  const { model } = followed
  const settle = (id: string, proof: Proof): Promise<void> =>
    settleProof(directory, { name, id, proof }, options)
  const { id, digest, number } = current
  const judged = { version: `${model}:${number}`, digest }
  if (current.proof?.is !== 'pending') await settle(id, { is: 'pending' })

  const { verdict, told } = await tellAll(task, { target, version: { model, digest, number } }, options)
  // One that was put back is not left for another one still.
  const failed = verdict.is === 'failed' && current.by !== 'put back' ? verdict : undefined
  const back =
    failed &&
    (await putBack(
      store,
      { target: directory, name, id, why: failed.why },
      { ...options, link, graceMs: GRACE_MS },
    ).catch((error: unknown) => {
      // Somebody has moved it on: that is judged next.
      if (isBallastError(error, 'CONFLICT')) return undefined
      throw error
    }))
  if (back === undefined) {
    await settle(id, verdict)
    return { id, judged: { ...judged, proof: verdict } }
  }
  const former = { model, digest: back.to.digest, number: back.to.number }
  const again = await tellAll(task, { target, version: former, only: told }, options)
  await settle(back.to.id, again.verdict)
  const there = { version: `${model}:${former.number}`, digest: former.digest, proof: again.verdict }
  return { id: back.to.id, judged: { ...judged, proof: verdict, putBack: there } }
}
