import { type BallastError, backOffMs, isBallastError, untilStopped } from '../../core/index.ts'
import { type MountResult, unlessInterrupted } from '../../workflows/mount.ts'
import type { Judged } from '../../workflows/mount-reload-judge.ts'
import type { FollowingLog, KeptTarget, TargetEvents } from './kept.ts'
import { afterLook, type Delivery, type Looks, NO_LOOKS } from './target-status.ts'

export interface RunningTarget {
  readonly target: KeptTarget
  readonly delivery: () => Delivery
  readonly looks: () => Looks
  readonly end: () => Promise<void>
}

/** What keeps a target from being begun is on this host: room, a lock, a tag that is on its way. */
const BACK_OFF = { firstMs: 500, mostMs: 5000 }
/** Looking for versions to remove takes the target's lock. */
const SHORTEST_RETIRE_MS = 1000

export function startTarget(target: KeptTarget, log: FollowingLog): RunningTarget {
  const ending = new AbortController()
  const { signal } = ending
  let looks = NO_LOOKS
  let delivery: Delivery = { version: undefined, swaps: 0, bytesCopied: 0 }
  const events: TargetEvents = {
    onSwap(result) {
      delivery = afterSwap(delivery, result)
      log.onSwap(target, result)
    },
    onJudged(judged) {
      delivery = { ...delivery, version: servedAfter(judged) }
      log.onJudged(target, judged)
    },
    onTrouble: (error) => log.onTrouble(target, error),
    onTurn(error) {
      looks = afterLook(looks, error)
    },
  }
  const keepUp = async (): Promise<void> => {
    delivery = { ...delivery, version: await target.delivered() }
    await untilStopped(() => target.keepUp({ ...events, signal }), {
      signal,
      pauseMs: () => 0,
      troubleMs: (failures) => backOffMs(failures, BACK_OFF),
      onTrouble: events.onTrouble,
      onTurn: events.onTurn,
    })
  }
  const retire = (): Promise<void> =>
    untilStopped(() => target.retire({ signal }), {
      signal,
      pauseMs: () => Math.max(target.graceMs, SHORTEST_RETIRE_MS),
      onTrouble(error: BallastError) {
        // Somebody is busy with the target; it is looked at again.
        if (!isBallastError(error, 'LOCKED')) events.onTrouble(error)
      },
    })
  const working = Promise.all(
    [keepUp(), retire()].map((work) => work.catch(unlessInterrupted).catch(log.onBug)),
  )
  return {
    target,
    delivery: () => delivery,
    looks: () => looks,
    async end() {
      ending.abort()
      await working
    },
  }
}

function afterSwap(
  { swaps, bytesCopied }: Delivery,
  { version, digest, how, bytesCopied: copied }: MountResult,
): Delivery {
  return {
    version: { version, digest },
    swaps: swaps + (how === 'delivered' ? 1 : 0),
    bytesCopied: bytesCopied + copied,
  }
}

function servedAfter({ version, digest, putBack }: Judged): Delivery['version'] {
  return putBack === undefined ? { version, digest } : { version: putBack.version, digest: putBack.digest }
}
