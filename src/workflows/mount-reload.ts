import { resolve } from 'node:path'
import { BallastError, type CallOptions, type Digest, isBallastError, untilStopped } from '../core/index.ts'
import { formatReference, type Reference } from '../model/index.ts'
import { type Followed, withFollower } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import {
  type FollowEvents,
  linkOf,
  type MountRequest,
  type MountResult,
  mountFollowing,
  resolveFollowed,
  tagGone,
  USUAL_PACE,
  unlessInterrupted,
} from './mount.ts'
import { type Judged, judge } from './mount-reload-judge.ts'
import { placeHere, type ReloadedPlace } from './mount-reload-place.ts'
import { nextStep } from './mount-reload-step.ts'
import { type ReloadTask, requireWhomToTell } from './mount-reload-told.ts'

export interface ReloadEvents extends FollowEvents {
  readonly onJudged: (judged: Judged) => void
}

export interface Reloading {
  readonly reference: Reference
  readonly place: ReloadedPlace
  readonly task: ReloadTask
  /** Brings the target to what the tag points to now; `by` is for its history. */
  readonly deliver: (by: string) => Promise<MountResult>
  /** Runs the work as the one that keeps the link up, where that can be told. */
  readonly asFollower: <T>(work: () => Promise<T>) => Promise<T>
}

/**
 * As `follow`, and the applications are told of each version and have to take it: design, "Reload". Throws NOT_FOUND where one that
 * is to be told is named and not there.
 */
export async function followReloading(
  store: Store,
  { task, ...request }: MountRequest & { readonly task: ReloadTask },
  events: CallOptions & ReloadEvents,
): Promise<void> {
  const reloading = await reloadingOf(store, { ...request, task }, events)
  await keepUpReloading(store, reloading, events)
}

/**
 * The same once: brings the target to what the tag points to. Throws REFUSED where the applications have not taken it, now or when
 * it was tried before, and NOT_FOUND as `followReloading` does.
 */
export async function mountReloading(
  store: Store,
  { task, ...request }: MountRequest & { readonly task: ReloadTask },
  events: CallOptions & Pick<ReloadEvents, 'onJudged'>,
): Promise<MountResult> {
  const reloading = await reloadingOf(store, { ...request, task }, events)
  return reloadOnce(store, reloading, events)
}

async function reloadingOf(
  store: Store,
  { task, ...request }: MountRequest & { readonly task: ReloadTask },
  options: CallOptions,
): Promise<Reloading> {
  const reference = await resolveFollowed(store, request.ref)
  const name = linkOf(request, reference)
  const directory = resolve(request.target)
  return {
    reference,
    task,
    place: placeHere(store, { directory, name, link: request.link === true }, options),
    asFollower: (work) => withFollower(directory, { name, signal: options.signal }, work),
    deliver: (by) => mountFollowing(store, { ...request, by, proof: 'pending' }, options),
  }
}

/** Until the signal is aborted. */
export async function keepUpReloading(
  store: Store,
  reloading: Reloading,
  events: CallOptions & ReloadEvents,
): Promise<void> {
  const turn = createTurn(store, reloading, events)
  const { signal, onTrouble, onTurn, pace = USUAL_PACE } = events
  await reloading
    .asFollower(async () => {
      // An Engine that starts later than this process is no reason to end; what it says is told in the next turn.
      await turn().then(
        () => onTurn?.(undefined),
        (error: unknown) => {
          if (!isBallastError(error, 'REMOTE')) throw error
        },
      )
      const { pauseMs, troubleMs } = pace
      await untilStopped(turn, { signal, pauseMs: () => pauseMs, troubleMs, onTrouble, onTurn })
    })
    .catch(unlessInterrupted)
}

export async function reloadOnce(
  store: Store,
  reloading: Reloading,
  { onJudged, ...options }: CallOptions & Pick<ReloadEvents, 'onJudged'>,
): Promise<MountResult> {
  let result: MountResult | undefined
  let refused: BallastError | undefined
  const turn = createTurn(store, reloading, {
    ...options,
    onJudged(judged) {
      onJudged(judged)
      refused = judged.proof.is === 'failed' ? notTaken(judged) : undefined
    },
    onSwap: (swapped) => {
      result = swapped
    },
    onTrouble: (error) => {
      refused = error
    },
  })
  await reloading.asFollower(turn)
  if (refused !== undefined) throw refused
  return result ?? reloading.deliver('mount')
}

/** Does what is to be done, until nothing is. Each turn knows what those before have seen. */
function createTurn(
  store: Store,
  { reference, place, task, deliver }: Reloading,
  { onSwap, onJudged, onTrouble, ...options }: CallOptions & ReloadEvents,
): () => Promise<void> {
  let seen: Digest | undefined
  let told: string | undefined
  return async () => {
    for (;;) {
      const tag = await store.records.resolve(reference)
      if (tag === undefined) throw tagGone(formatReference(reference))
      const id = await place.linked?.()
      const isSame = place.linked === undefined ? told !== undefined : id !== undefined && id === told
      if (isSame && tag === seen) return
      const followed = await place.followed()
      // Before the first version is there the application cannot be.
      if (seen === undefined && followed !== undefined) await requireWhomToTell(task, options)
      const step = nextStep({ tag, followed, seen, told, retry: task.retry })
      if (step === 'deliver') {
        const isFirst = seen === undefined
        const result = await deliver(isFirst ? 'mount' : 'follow')
        if (isFirst || result.how !== 'unchanged') onSwap(result)
        seen = result.digest
        // Where the link is not looked at, what it leads to now has yet to be read.
        if (place.linked === undefined) told = undefined
      } else if (step === 'judge') {
        const found = await judge({ place, task }, options)
        told = found?.id
        if (found !== undefined) onJudged(found.judged)
      } else {
        if (seen === undefined) tellRefusal(followed, onTrouble)
        seen = tag
        told = followed?.generations.at(-1)?.id
        return
      }
    }
  }
}

function tellRefusal(followed: Followed | undefined, onTrouble: ReloadEvents['onTrouble']): void {
  const { model, refused } = followed ?? {}
  if (refused !== undefined) onTrouble(wasPutBack(`${model}:${refused.number}`, refused.why))
}

function notTaken({ version, proof: { why = '' }, putBack }: Judged): BallastError {
  if (putBack?.proof.is === 'failed') {
    const again = `${putBack.version}, which it does not take again either: ${putBack.proof.why}`
    return wasPutBack(version, `${why}; there is ${again}`)
  }
  if (putBack !== undefined) return wasPutBack(version, why)
  return new BallastError('REFUSED', `the application does not take ${version}: ${why}`, {
    hint: 'there is no other version that it has taken, so it stays; see what the application says',
  })
}

function wasPutBack(version: string, why: string): BallastError {
  return new BallastError('REFUSED', `${version} was put back: ${why}`, {
    hint: 'it is tried again when the tag moves, or with --retry',
  })
}
