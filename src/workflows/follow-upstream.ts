import { type BallastError, type CallOptions, type Digest, untilStopped } from '../core/index.ts'
import { type Pace, unlessInterrupted } from './mount.ts'

/** What a tag of the store is kept up with, outside of this host. */
export interface Upstream {
  /** As it is recorded of the versions that come from there. */
  readonly address: string
  /**
   * Tells what is there now from all else that has been or will be there, without moving a model's bytes. Throws NOT_FOUND,
   * UNAUTHORIZED and REMOTE.
   */
  readonly look: (options: CallOptions) => Promise<string>
  /** Whether it is the stage of a policy, or has to be one. */
  readonly isGoverned?: (options: CallOptions) => Promise<boolean>
  /** Makes it a version of the store, verified, and the tag lead to it. */
  readonly bring: (options: CallOptions) => Promise<Brought>
}

export interface Brought {
  /** By number: `sentiment:3`. */
  readonly ref: string
  readonly digest: Digest
  /** The tag that leads to it, where there is one: `sentiment:prod`. */
  readonly tag?: string | undefined
  /** What the store did not hold before. */
  readonly newBytes: number
}

export interface UpstreamEvents {
  readonly onBrought: (brought: Brought) => void
  /** What keeps the tag where it is for now; it is tried again, and told once. */
  readonly onTrouble: (error: BallastError) => void
  /** After each look, with what kept the tag from being brought up to it. */
  readonly onTurn: (error: BallastError | undefined) => void
}

/** Looks at once, and then again and again, until the signal is aborted; what is new is brought into the store. */
export async function followUpstream(
  { look, bring }: Upstream,
  { pace, onBrought, onTrouble, onTurn, ...options }: CallOptions & UpstreamEvents & { readonly pace: Pace },
): Promise<void> {
  let seen: string | undefined
  let isFirst = true
  const turn = async (): Promise<void> => {
    const there = await look(options)
    if (there === seen) return
    onBrought(await bring(options))
    seen = there
  }
  const pauseMs = (): number => {
    const ms = isFirst ? 0 : pace.pauseMs
    isFirst = false
    return ms
  }
  const { troubleMs } = pace
  const following = untilStopped(turn, { signal: options.signal, pauseMs, troubleMs, onTrouble, onTurn })
  await following.catch(unlessInterrupted)
}
