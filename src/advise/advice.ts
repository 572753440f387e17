import type { Answers, Environment } from './answers.ts'
import {
  type Crossing,
  type Curve,
  crossingsOf,
  curveOf,
  type Sensitivity,
  sensitivityOf,
} from './crossings.ts'
import { decide, type Flip, type Priced, priceWays, type Question, type Verdict } from './decide.ts'
import { type InputName, type Inputs, mapInputs, numbersOf } from './inputs.ts'
import { monthlyBytes } from './monthly.ts'
import { type Reason, reasonsOf } from './reasons.ts'
import { type Storage, storageOf } from './storage.ts'
import { productOf, sumOf, type Terms } from './terms.ts'
import type { WayName } from './ways.ts'

/** What `ballast advise` answers. */
export interface Advice {
  /** What was asked about: `sentiment:prod`, `./models`, `a model of 140 GB`. */
  readonly subject: string
  readonly image: string | null
  readonly environments: readonly EnvironmentAdvice[]
  /** What the history tells, in sentences. */
  readonly notes: readonly string[]
}

/** With the inputs at their values, at their lowest and at their highest. */
export interface Range {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** Times in seconds, sizes in bytes. */
export interface WayAdvice {
  readonly name: WayName
  readonly title: string
  readonly strategy: 'embed' | 'mount'
  /** It needs no Ballast. */
  readonly plain: boolean
  /** Why it cannot be taken; null where it can. */
  readonly whyNot: string | null
  /** From a new version of the model until every container serves it; over the network, all nodes together. */
  readonly update: { readonly seconds: Range; readonly bytes: Range }
  /** The same of a new version of the code. */
  readonly code: { readonly seconds: Range; readonly bytes: Range }
  /** A start on a node that has nothing, and on one that has everything. */
  readonly cold: { readonly seconds: Range; readonly bytes: Range }
  readonly warm: { readonly seconds: Range }
  /** All that waits and works in a month, and what it is made of. */
  readonly monthly: {
    readonly seconds: Range
    readonly bytes: Range
    readonly parts: readonly { readonly what: string; readonly seconds: number }[]
  }
  readonly storage: Storage
  /** What has to run for it. */
  readonly parts: readonly string[]
}

export interface FlipAdvice {
  readonly input: InputName
  readonly at: number
  readonly below: WayName
  readonly above: WayName
}

export interface EnvironmentAdvice {
  readonly environment: Environment
  readonly answers: Answers
  readonly inputs: Inputs
  readonly verdict: {
    readonly strategy: Verdict['strategy']
    readonly way: WayName
    /** Ballast is not needed for it. */
    readonly plain: boolean
    /** The best of the other strategy; null where there is none. */
    readonly other: WayName | null
    readonly dependsOn: readonly FlipAdvice[]
    readonly wayDependsOn: readonly FlipAdvice[]
    readonly reasons: readonly Reason[]
  }
  readonly ways: readonly WayAdvice[]
  /** Where the cheapest way changes with the model's size and with how often it is updated. */
  readonly crossings: Readonly<Record<Crossing, readonly CrossingSegment[]>>
  /** Seconds a month of each way over size and updates, to be drawn. */
  readonly curves: Readonly<Record<Crossing, Curve>>
  readonly sensitivity: readonly Sensitivity[]
}

export interface CrossingSegment {
  readonly from: number
  readonly to: number
  readonly way: WayName
}

/** Everything that can be said of one environment. */
export function adviseFor(question: Question): EnvironmentAdvice {
  const { inputs, answers } = question
  const verdict = decide(question)
  const priced = priceWays(question)
  return {
    environment: answers.environment,
    answers,
    inputs,
    verdict: {
      strategy: verdict.strategy,
      way: verdict.way.name,
      plain: verdict.way.plain,
      other: verdict.other?.name ?? null,
      dependsOn: verdict.dependsOn.map(flipAdvice),
      wayDependsOn: verdict.wayDependsOn.map(flipAdvice),
      reasons: reasonsOf(verdict, priced, question),
    },
    ways: priced.map((one) => wayAdvice(one, inputs, answers)),
    crossings: {
      modelBytes: crossingOf('modelBytes', question),
      modelUpdates: crossingOf('modelUpdates', question),
    },
    curves: { modelBytes: curveOf('modelBytes', question), modelUpdates: curveOf('modelUpdates', question) },
    sensitivity: sensitivityOf(question),
  }
}

function crossingOf(input: Crossing, question: Question): readonly CrossingSegment[] {
  return crossingsOf(input, question).map(({ from, to, way }) => ({ from, to, way: way.name }))
}

function flipAdvice({ input, at, below, above }: Flip): FlipAdvice {
  return { input, at, below: below.name, above: above.name }
}

function wayAdvice({ way, whyNot, costs, monthly }: Priced, inputs: Inputs, answers: Answers): WayAdvice {
  const range = (terms: Terms): Range => rangeOf(terms, inputs)
  const { name, title, strategy, plain } = way
  return {
    name,
    title,
    strategy,
    plain,
    whyNot: whyNot ?? null,
    update: { seconds: range(costs.update.seconds), bytes: range(costs.update.bytes) },
    code: { seconds: range(costs.code.seconds), bytes: range(costs.code.bytes) },
    cold: { seconds: range(costs.cold.seconds), bytes: range(costs.cold.bytes) },
    warm: { seconds: range(costs.warm.seconds) },
    monthly: {
      seconds: range(monthly),
      bytes: range(monthlyBytes(costs)),
      parts: breakdown(monthly, inputs),
    },
    storage: storageOf(way, answers, numbersOf(inputs)),
    parts: costs.parts,
  }
}

/** No cost falls when an input rises, so the extremes are at the extremes. */
function rangeOf(terms: Terms, inputs: Inputs): Range {
  return {
    value: sumOf(terms, numbersOf(inputs)),
    low: sumOf(
      terms,
      mapInputs((name) => inputs[name].low),
    ),
    high: sumOf(
      terms,
      mapInputs((name) => inputs[name].high),
    ),
  }
}

/** Summands by what they are for, the largest first. */
function breakdown(
  terms: Terms,
  inputs: Inputs,
): readonly { readonly what: string; readonly seconds: number }[] {
  const numbers = numbersOf(inputs)
  const sums = new Map<string, number>()
  for (const one of terms) sums.set(one.what, (sums.get(one.what) ?? 0) + productOf(one, numbers))
  return [...sums]
    .map(([what, seconds]) => ({ what, seconds }))
    .filter(({ seconds }) => seconds > 0)
    .sort((a, b) => b.seconds - a.seconds)
}
