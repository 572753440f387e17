import type { Priced, Question, Verdict } from './decide.ts'
import { numbersOf } from './inputs.ts'
import { EVENTS, type Event, monthlyByEvent } from './monthly.ts'
import { sumOf } from './terms.ts'
import type { WayName } from './ways.ts'

/** What speaks for the way that was chosen, against the best of the other strategy. */
export type Reason =
  /** Nothing else is possible. */
  | { readonly kind: 'only'; readonly way: WayName; readonly why: string }
  /** A kind of event costs so much a month with each of the two; seconds. */
  | {
      readonly kind: 'saves' | 'costs'
      readonly what: Event
      readonly chosen: number
      readonly other: number
      readonly otherWay: WayName
    }

/** Differences below this share of what the cheaper way costs in all say nothing. */
const WORTH_SAYING = 0.02

/** The largest difference first. */
export function reasonsOf(
  verdict: Verdict,
  priced: readonly Priced[],
  question: Question,
): readonly Reason[] {
  const of = (name: WayName): Priced => priced.find(({ way }) => way.name === name) as Priced
  const chosen = of(verdict.way.name)
  if (verdict.other === undefined) {
    const excluded = priced.filter(({ way }) => way.strategy !== chosen.way.strategy)
    const reasons = new Map(excluded.map(({ way, whyNot = '' }) => [whyNot, way.name]))
    return [...reasons].map(([why, way]) => ({ kind: 'only', way, why }))
  }
  const other = of(verdict.other.name)
  const numbers = numbersOf(question.inputs)
  const least = Math.min(chosen.seconds, other.seconds) * WORTH_SAYING
  const mine = monthlyByEvent(chosen.costs)
  const theirs = monthlyByEvent(other.costs)
  return EVENTS.map((what) => ({
    what,
    chosen: sumOf(mine[what], numbers),
    other: sumOf(theirs[what], numbers),
  }))
    .filter((pair) => Math.abs(pair.chosen - pair.other) > least)
    .sort((a, b) => Math.abs(b.chosen - b.other) - Math.abs(a.chosen - a.other))
    .map((pair) => ({
      kind: pair.chosen < pair.other ? 'saves' : 'costs',
      otherWay: other.way.name,
      ...pair,
    }))
}
