import type { Answers } from './answers.ts'
import { type Costs, costsOf } from './costs.ts'
import { cheapestAlong, type Segment } from './envelope.ts'
import { INPUT_NAMES, type InputName, type Inputs, numbersOf } from './inputs.ts'
import { monthlySeconds } from './monthly.ts'
import { isUncertain } from './quantity.ts'
import type { Rates } from './rates.ts'
import { lineIn, sumOf, type Terms } from './terms.ts'
import { WAYS, type Way } from './ways.ts'

export interface Priced {
  readonly way: Way
  /** Why it cannot be taken. */
  readonly whyNot: string | undefined
  readonly costs: Costs
  /** Seconds a month. */
  readonly monthly: Terms
  readonly seconds: number
}

/** An input inside whose range the answer changes: `at` in its own unit, which ways are cheapest on either side. */
export interface Flip {
  readonly input: InputName
  readonly at: number
  readonly below: Way
  readonly above: Way
}

export interface Verdict {
  readonly strategy: 'embed' | 'mount' | 'depends'
  /** The cheapest with all inputs at their values. */
  readonly way: Way
  /** The cheapest of the other strategy; undefined where none is possible. */
  readonly other: Way | undefined
  /** Where the strategy changes inside the range of an input; empty for a sure verdict. Nearest first. */
  readonly dependsOn: readonly Flip[]
  /** Where another way of the same strategy is the cheapest, with or without Ballast. Nearest first. */
  readonly wayDependsOn: readonly Flip[]
}

export interface Question {
  readonly inputs: Inputs
  readonly answers: Answers
  readonly rates: Rates
}

export function priceWays({ inputs, answers, rates }: Question): readonly Priced[] {
  const numbers = numbersOf(inputs)
  return WAYS.map((way) => {
    const costs = costsOf(way, answers, rates)
    const monthly = monthlySeconds(costs)
    return { way, whyNot: way.whyNot(answers, numbers), costs, monthly, seconds: sumOf(monthly, numbers) }
  })
}

/**
 * First the strategy, then whether Ballast is needed for it. Strategies are compared by ways that send changed files
 * alone: a download at each start would lose against an embedded model for reasons that no mount has to have.
 */
export function decide(question: Question): Verdict {
  const possible = priceWays(question).filter(({ whyNot }) => whyNot === undefined)
  const contenders = contendersOf(possible)
  const { strategy } = cheapest(contenders).way
  const same = possible.filter(({ way }) => way.strategy === strategy)
  const others = contenders.filter(({ way }) => way.strategy !== strategy)
  const dependsOn = flips(question, contenders, (way) => way.strategy)
  return {
    strategy: dependsOn.length > 0 ? 'depends' : strategy,
    way: cheapest(same).way,
    other: others.length > 0 ? cheapest(others).way : undefined,
    dependsOn,
    wayDependsOn: flips(question, same, (way) => way.name),
  }
}

/** Ways by which strategies are compared. */
export function contendersOf(possible: readonly Priced[]): readonly Priced[] {
  const mounts = possible.filter(({ way }) => way.strategy === 'mount' && way.name !== 'download')
  return mounts.length > 0 ? possible.filter(({ way }) => way.name !== 'download') : possible
}

export function cheapest(priced: readonly Priced[]): Priced {
  return priced.reduce((best, one) => (one.seconds < best.seconds ? one : best))
}

function flips(
  { inputs }: Question,
  contenders: readonly Priced[],
  kind: (way: Way) => string,
): readonly Flip[] {
  const found = INPUT_NAMES.filter((name) => isUncertain(inputs[name])).flatMap((input) => {
    const { low, high, value } = inputs[input]
    const segments = along({ inputs, contenders, input, low, high })
    return nearest(flipsBetween(input, segments, kind), value)
  })
  return found.sort((a, b) => distance(a, inputs) - distance(b, inputs))
}

/** The cheapest ways for every value of one input, all others at their values. */
export function along({
  inputs,
  contenders,
  input,
  low,
  high,
}: {
  readonly inputs: Inputs
  readonly contenders: readonly Priced[]
  readonly input: InputName
  readonly low: number
  readonly high: number
}): readonly Segment<Way>[] {
  const numbers = numbersOf(inputs)
  const lines = contenders.map(({ way, monthly }) => ({ way, ...lineIn(monthly, input, numbers) }))
  return cheapestAlong(lines, low, high)
}

export function flipsBetween(
  input: InputName,
  segments: readonly Segment<Way>[],
  kind: (way: Way) => string,
): readonly Flip[] {
  return segments.flatMap((segment, index) => {
    const next = segments[index + 1]
    if (next === undefined || kind(next.way) === kind(segment.way)) return []
    return [{ input, at: segment.to, below: segment.way, above: next.way }]
  })
}

function nearest(flips: readonly Flip[], value: number): readonly Flip[] {
  return [...flips].sort((a, b) => factor(a.at, value) - factor(b.at, value)).slice(0, 1)
}

function distance({ input, at }: Flip, inputs: Inputs): number {
  return factor(at, inputs[input].value)
}

/** By which factor an input would have to be another. */
function factor(at: number, value: number): number {
  if (at === value) return 1
  if (at <= 0 || value <= 0) return Number.POSITIVE_INFINITY
  return Math.max(at / value, value / at)
}
