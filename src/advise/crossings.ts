import { along, flipsBetween, possibleWays, type Question } from './decide.ts'
import type { Segment } from './envelope.ts'
import { INPUT_NAMES, type InputName, kindOf, numbersOf } from './inputs.ts'
import { sumOf } from './terms.ts'
import type { Way, WayName } from './ways.ts'

/** The two inputs that are quantities of the decision itself. */
export type Crossing = 'modelBytes' | 'modelUpdates'

/** What is drawn and searched: from a megabyte to a terabyte, from an update in three years to a hundred a day. */
const SPAN: Readonly<Record<Crossing, readonly [low: number, high: number]>> = {
  modelBytes: [1e6, 1e12],
  modelUpdates: [1 / 36, 3000],
}

export function crossingsOf(input: Crossing, question: Question): readonly Segment<Way>[] {
  const [low, high] = SPAN[input]
  return along(question, { input, low, high })
}

export interface Curve {
  /** Values of the input, in its unit, evenly spaced by their logarithm. */
  readonly at: readonly number[]
  /** Seconds a month at each of them, of the ways that are possible. */
  readonly seconds: Readonly<Partial<Record<WayName, readonly number[]>>>
}

const POINTS = 60

export function curveOf(input: Crossing, question: Question): Curve {
  const [low, high] = SPAN[input]
  const at = Array.from({ length: POINTS + 1 }, (_, index) => low * (high / low) ** (index / POINTS))
  const numbers = numbersOf(question.inputs)
  const seconds = possibleWays(question).map(({ way, monthly }) => [
    way.name,
    at.map((value) => sumOf(monthly, { ...numbers, [input]: value })),
  ])
  return { at, seconds: Object.fromEntries(seconds) }
}

export interface Sensitivity {
  readonly input: InputName
  /** Where the strategy would change, the nearest such value within a factor of a hundred; null where nowhere. */
  readonly at: number | null
  readonly below: WayName | null
  readonly above: WayName | null
}

const SEARCHED = 100

/** For each input, all others at their values: what it would have to be for the other strategy. */
export function sensitivityOf(question: Question): readonly Sensitivity[] {
  return INPUT_NAMES.map((input) => {
    const { value } = question.inputs[input]
    const { unit } = kindOf(input)
    const low = unit === 'count' ? Math.max(1, value / SEARCHED) : value / SEARCHED
    const high = unit === 'share' ? 1 : value * SEARCHED
    const segments = along(question, { input, low, high })
    const flips = flipsBetween(input, segments, ({ strategy }) => strategy)
    const flip = [...flips].sort(
      (a, b) => Math.abs(Math.log(a.at / value)) - Math.abs(Math.log(b.at / value)),
    )[0]
    return { input, at: flip?.at ?? null, below: flip?.below.name ?? null, above: flip?.above.name ?? null }
  })
}
