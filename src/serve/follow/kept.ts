import type { BallastError, CallOptions } from '../../core/index.ts'
import type { Brought } from '../../workflows/follow-upstream.ts'
import type { MountResult } from '../../workflows/mount.ts'
import type { Judged } from '../../workflows/mount-reload-judge.ts'
import type { DeliveredVersion } from './target-status.ts'

/** A tag of the store that is kept up with what is outside of this host. */
export interface KeptTag {
  /** Equal for equal work: it goes on when others change. */
  readonly key: string
  readonly ref: string
  readonly from: string
  /** Until the signal is aborted. */
  readonly keepUp: (events: CallOptions & TagEvents) => Promise<void>
  /** Removes from the store what it has brought and nothing leads to any more. */
  readonly dropUnused: () => Promise<void>
}

export interface TagEvents {
  readonly onBrought: (brought: Brought) => void
  readonly onTrouble: (error: BallastError) => void
  readonly onTurn: (error: BallastError | undefined) => void
}

/** A place that is kept up with a reference of the store. */
export interface KeptTarget {
  /** As of a tag. */
  readonly key: string
  readonly ref: string
  readonly to: string
  /** Outside of this host. */
  readonly from?: string
  /** On this host; undefined for a volume. */
  readonly directory: string | undefined
  /** The key of its tag, where that is kept up with what is outside of this host. */
  readonly tag: string | undefined
  /** What is there, whole, from before. */
  readonly delivered: () => Promise<DeliveredVersion | undefined>
  /** Delivers, and keeps it up until the signal is aborted. Throws what keeps it from beginning. */
  readonly keepUp: (events: CallOptions & TargetEvents) => Promise<void>
  /** Removes former versions that nobody can be expected to be opening any more. */
  readonly retire: (options: CallOptions) => Promise<void>
  /** How long they stay, in milliseconds. */
  readonly graceMs: number
}

export interface TargetEvents {
  readonly onSwap: (result: MountResult) => void
  readonly onJudged: (judged: Judged) => void
  readonly onTrouble: (error: BallastError) => void
  readonly onTurn: (error: BallastError | undefined) => void
}

/** What is told of the work, for people and programs that watch it. */
export interface FollowingLog {
  readonly onBrought: (tag: KeptTag, brought: Brought) => void
  readonly onSwap: (target: KeptTarget, result: MountResult) => void
  readonly onJudged: (target: KeptTarget, judged: Judged) => void
  readonly onTrouble: (about: KeptTag | KeptTarget, error: BallastError) => void
  /** Anything that is no failure which a user can meet. */
  readonly onBug: (error: unknown) => void
}
