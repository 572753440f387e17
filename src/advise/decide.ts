import type { Answers } from './answers.ts'
import type { Costs } from './cost-steps.ts'
import { costsOf } from './costs.ts'
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
  const possible = possibleWays(question)
  const contenders = contendersOf(possible)
  const { strategy } = cheapest(contenders).way
  const ofStrategy = (ways: readonly Priced[]): readonly Priced[] =>
    ways.filter(({ way }) => way.strategy === strategy)
  const others = contenders.filter(({ way }) => way.strategy !== strategy)
  const dependsOn = flips(question, contendersOf, (way) => way.strategy)
  return {
    strategy: dependsOn.length > 0 ? 'depends' : strategy,
    way: cheapest(ofStrategy(possible)).way,
    other: others.length > 0 ? cheapest(others).way : undefined,
    dependsOn,
    wayDependsOn: flips(question, ofStrategy, (way) => way.name),
  }
}

export function possibleWays(question: Question): readonly Priced[] {
  return priceWays(question).filter(({ whyNot }) => whyNot === undefined)
}

/** Ways by which strategies are compared. */
function contendersOf(possible: readonly Priced[]): readonly Priced[] {
  const mounts = possible.filter(({ way }) => way.strategy === 'mount' && way.name !== 'download')
  return mounts.length > 0 ? possible.filter(({ way }) => way.name !== 'download') : possible
}

function cheapest(priced: readonly Priced[]): Priced {
  return priced.reduce((best, one) => (one.seconds < best.seconds ? one : best))
}

type Pick = (possible: readonly Priced[]) => readonly Priced[]

function flips(question: Question, pick: Pick, kind: (way: Way) => string): readonly Flip[] {
  const { inputs } = question
  const found = INPUT_NAMES.filter((name) => isUncertain(inputs[name])).flatMap((input) => {
    const { low, high, value } = inputs[input]
    return nearest(flipsBetween(input, along(question, { input, low, high, pick }), kind), value)
  })
  return found.sort((a, b) => distance(a, inputs) - distance(b, inputs))
}

export interface AlongOptions {
  readonly input: InputName
  readonly low: number
  readonly high: number
  /** Which of the possible ways are compared; by default those by which strategies are. */
  readonly pick?: Pick
}

/** The cheapest ways for every value of one input, all others at their values. */
export function along(
  question: Question,
  { input, low, high, pick = contendersOf }: AlongOptions,
): readonly Segment<Way>[] {
  const { inputs } = question
  const numbers = numbersOf(inputs)
  const between = (from: number, to: number): readonly Segment<Way>[] => {
    const at = input === 'nodes' ? { ...inputs, nodes: { ...inputs.nodes, value: to } } : inputs
    const lines = pick(possibleWays({ ...question, inputs: at })).map(({ way, monthly }) => ({
      way,
      ...lineIn(monthly, input, numbers),
    }))
    return lines.length === 0 ? [] : cheapestAlong(lines, from, to)
  }
  // What is filled by hand is possible on one node only.
  const isDivided = input === 'nodes' && low <= 1 && high > 1
  return isDivided ? [...between(low, 1), ...between(1, high)] : between(low, high)
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
