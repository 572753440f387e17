import type { FollowingLog, KeptTag, KeptTarget } from './kept.ts'
import { type RunningTag, startTag } from './running-tag.ts'
import { type RunningTarget, startTarget } from './running-target.ts'
import { statusOf, type TargetStatus } from './target-status.ts'

/** What is to be kept up, all of it. */
export interface Wanted {
  readonly tags: readonly KeptTag[]
  readonly targets: readonly KeptTarget[]
}

/** Targets that are kept up, each for itself: one that fails leaves the others alone. */
export interface Following {
  /** Begins what is new, ends what is not wanted any more (what was delivered stays), and leaves the rest at work. */
  readonly apply: (wanted: Wanted) => Promise<void>
  readonly statuses: () => readonly TargetStatus[]
  /** A delivery that is under way ends first, or leaves nothing half-done. */
  readonly close: () => Promise<void>
}

export function startFollowing(log: FollowingLog): Following {
  const tags = new Map<string, RunningTag>()
  const targets = new Map<string, RunningTarget>()
  const apply = async (wanted: Wanted): Promise<void> => {
    // Targets first: one that is wanted otherwise has to be given up before it is begun again.
    await endOthers(targets, wanted.targets)
    await endOthers(tags, wanted.tags)
    for (const tag of wanted.tags) {
      if (!tags.has(tag.key)) tags.set(tag.key, startTag(tag, log))
    }
    for (const target of wanted.targets) {
      if (!targets.has(target.key)) targets.set(target.key, startTarget(target, log))
    }
  }
  return {
    apply,
    statuses: () =>
      [...targets.values()].map(({ target, delivery, looks }) =>
        statusOf(target, {
          delivery: delivery(),
          looks: looks(),
          tag: target.tag === undefined ? undefined : tags.get(target.tag)?.looks(),
        }),
      ),
    close: () => apply({ tags: [], targets: [] }),
  }
}

async function endOthers(
  running: Map<string, { readonly end: () => Promise<void> }>,
  wanted: readonly { readonly key: string }[],
): Promise<void> {
  const keys = new Set(wanted.map(({ key }) => key))
  const ended = [...running].filter(([key]) => !keys.has(key))
  for (const [key] of ended) running.delete(key)
  await Promise.all(ended.map(([, { end }]) => end()))
}
