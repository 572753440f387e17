import type { Random } from '../fixtures/random.ts'
import type { Scheduler, Waiting } from './barriers.ts'

/** Any actor at each step, which then goes on with some probability: short and long runs alternate. */
export function randomWalk(random: Random): Scheduler {
  const stay = random.pick([0, 0.5, 0.8, 0.95])
  let last = -1
  return (waiting) => {
    const same = waiting.findIndex(({ actor, call }) => actor === last && call !== 'sleep')
    const at = same >= 0 && random.next() < stay ? same : random.below(waiting.length)
    last = (waiting[at] as Waiting).actor
    return at
  }
}

/**
 * Each actor in turn makes the number of steps that `cuts` has for it, and then all go on to their ends in their
 * order: with two actors and every pair of numbers, that is every interleaving with three changes between them.
 */
export function cutAt(order: readonly number[], cuts: readonly number[]): Scheduler {
  const left = order.map((actor, at) => ({ actor, steps: cuts[at] ?? Number.POSITIVE_INFINITY }))
  const turns = [...left, ...order.map((actor) => ({ actor, steps: Number.POSITIVE_INFINITY }))]
  return (waiting) => {
    for (const turn of turns) {
      const at = waiting.findIndex(({ actor, call }) => actor === turn.actor && call !== 'sleep')
      if (turn.steps > 0 && at >= 0) {
        turn.steps--
        return at
      }
    }
    return 0
  }
}

/**
 * The actor of the highest priority goes on while it can; at a few random steps it falls behind all others
 * (probabilistic concurrency testing, Burckhardt et al., ASPLOS 2010).
 */
export function byPriority(
  random: Random,
  { actors, length }: { actors: number; length: number },
): Scheduler {
  const priorities = Array.from({ length: actors }, () => random.next())
  const falls = new Set(Array.from({ length: 4 }, () => random.below(length)))
  let step = 0
  let lowest = 0
  return (waiting) => {
    const urgency = ({ actor, call }: Waiting): number =>
      call === 'sleep' ? Number.NEGATIVE_INFINITY : (priorities[actor] as number)
    const first = waiting.reduce(
      (best, one, at) => (urgency(one) > urgency(waiting[best] as Waiting) ? at : best),
      0,
    )
    if (falls.has(step++)) priorities[(waiting[first] as Waiting).actor] = --lowest
    return first
  }
}
