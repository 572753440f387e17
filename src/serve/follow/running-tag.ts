import { type BallastError, backOffMs, untilStopped } from '../../core/index.ts'
import { unlessInterrupted } from '../../workflows/mount.ts'
import type { FollowingLog, KeptTag } from './kept.ts'
import { afterLook, type Looks, NO_LOOKS } from './target-status.ts'

export interface RunningTag {
  readonly looks: () => Looks
  readonly end: () => Promise<void>
}

const BACK_OFF = { firstMs: 1000, mostMs: 60_000 }

export function startTag(tag: KeptTag, { onBrought, onTrouble, onBug }: FollowingLog): RunningTag {
  const ending = new AbortController()
  const { signal } = ending
  let looks = NO_LOOKS
  const onTurn = (error: BallastError | undefined): void => {
    looks = afterLook(looks, error)
  }
  const events = {
    signal,
    onTurn,
    onBrought: (brought: Parameters<typeof onBrought>[1]) => onBrought(tag, brought),
    onTrouble: (error: BallastError) => onTrouble(tag, error),
  }
  const working = untilStopped(() => tag.keepUp(events), {
    signal,
    pauseMs: () => 0,
    troubleMs: (failures) => backOffMs(failures, BACK_OFF),
    onTrouble: events.onTrouble,
    onTurn,
  })
    .catch(unlessInterrupted)
    .catch(onBug)
  return {
    looks: () => looks,
    async end() {
      ending.abort()
      await working
    },
  }
}
