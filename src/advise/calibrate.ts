import { fitRate, median, type Point, scaled, secondsOf, tellsOfBytes } from './fit.ts'
import { assumed, measured, type Quantity } from './quantity.ts'
import { type Rate, type Rates, REFERENCE_RATES, STEP_NAMES, type Step } from './rates.ts'

/** One time of one step, seen on this machine. */
export interface Observation extends Point {
  readonly step: Step
  /** The time has the transfer over a network in it, whose speed is an input of its own. */
  readonly overNetwork?: boolean | undefined
}

export interface Calibration {
  readonly rates: Rates
  /** By which factor times of these rates may be others. */
  readonly machine: Quantity
  /** The steps whose rates come from observations. */
  readonly observed: readonly Step[]
  /** What transfers over a network took beyond what the machines need; undefined where none was seen. */
  readonly uplinkPerByte: Quantity | undefined
  readonly linkPerByte: Quantity | undefined
}

export interface CalibrateOptions {
  readonly reference?: Rates
  /** What is to be told with the rates; of others it does not matter whether they were observed. */
  readonly needed?: readonly Step[]
}

/** Machines change: older observations of a step than so many do not count. */
const NEWEST = 30
/** So many observations show a spread of their own; fewer may have been alike by chance. */
const ENOUGH = 9
/** So many steps show how far machines differ from one step to the other. */
const ENOUGH_STEPS = 3
/** Of ten times, nine lie within. */
const WITHIN = 0.9
/** What is assumed of a machine of which nothing is known. */
const UNKNOWN_SPREAD = 2
/** Nothing is known better than that: other work on the machine was not seen. */
const LEAST_SPREAD = 1.1

/**
 * Rates of this machine from what was seen on it, oldest first. A step without observations has the reference's rate
 * times the median factor of those with some. The range of `machine` is that within which nine of ten observations
 * lie when their step's rate is fitted without them; where steps were not observed, also how far the factors of the
 * others lie apart. Observations that are no positive finite figures are left out.
 */
export function calibrate(
  observations: readonly Observation[],
  { reference = REFERENCE_RATES, needed = STEP_NAMES }: CalibrateOptions = {},
): Calibration {
  const sound = observations.filter(isSound)
  const here = pointsByStep(sound.filter(({ overNetwork }) => overNetwork !== true))
  const factors = factorsOf(here, reference)
  const factor = factors.length === 0 ? 1 : median(factors)
  const expected = (step: Step): Rate => scaled(reference[step], factor)
  const rates = Object.fromEntries(
    STEP_NAMES.map((step) => [step, fitHere(here.get(step) ?? [], reference[step], expected(step))]),
  ) as Rates
  const away = sound.filter(({ overNetwork }) => overNetwork === true)
  return {
    rates,
    machine: machineOf({ here, reference, expected, needed, factors }),
    observed: [...here.keys()],
    uplinkPerByte: linkOf(away, rates, ['upload', 'send', 'push']),
    linkPerByte: linkOf(away, rates, ['fetch', 'pull', 'pullCompressed']),
  }
}

function isSound({ bytes, seconds }: Observation): boolean {
  return Number.isFinite(bytes) && Number.isFinite(seconds) && bytes >= 0 && seconds > 0
}

type ByStep = ReadonlyMap<Step, readonly Point[]>

function pointsByStep(observations: readonly Observation[]): ByStep {
  const seen = STEP_NAMES.map(
    (step) => [step, observations.filter((one) => one.step === step).slice(-NEWEST)] as const,
  )
  return new Map(seen.filter(([, points]) => points.length > 0))
}

/** Points that say nothing of bytes are fitted beside the rate that other steps make expected. */
function fitHere(points: readonly Point[], reference: Rate, expected: Rate): Rate {
  return fitRate(points, points.some((point) => tellsOfBytes(point, reference)) ? reference : expected)
}

/** How the machine compares with the reference in each step whose observations tell it. */
function factorsOf(here: ByStep, reference: Rates): readonly number[] {
  return [...here].flatMap(([step, points]) => {
    const telling = points.filter((point) => tellsOfBytes(point, reference[step]))
    if (telling.length === 0) return []
    const bytes = median(telling.map((point) => point.bytes))
    return [secondsOf(fitRate(points, reference[step]), bytes) / secondsOf(reference[step], bytes)]
  })
}

interface Seen {
  readonly here: ByStep
  readonly reference: Rates
  readonly expected: (step: Step) => Rate
  readonly needed: readonly Step[]
  readonly factors: readonly number[]
}

function machineOf({ here, reference, expected, needed, factors }: Seen): Quantity {
  const count = [...here.values()].reduce((sum, points) => sum + points.length, 0)
  if (count === 0) {
    const range = [1 / UNKNOWN_SPREAD, UNKNOWN_SPREAD] as const
    return assumed(1, range, 'machines like the one that was measured')
  }
  const missed = [...here].flatMap(([step, points]) =>
    points.length < 2
      ? []
      : points.map(({ bytes, seconds }, at) => {
          const others = points.toSpliced(at, 1)
          return Math.abs(
            Math.log(seconds / secondsOf(fitHere(others, reference[step], expected(step)), bytes)),
          )
        }),
  )
  const isAll = needed.every((step) => here.has(step))
  const spread = Math.max(LEAST_SPREAD, spreadOf(missed), isAll ? 1 : spreadBetween(factors))
  const times = count === 1 ? 'one time' : `${count} times`
  const steps = here.size === 1 ? 'one step' : `${here.size} steps`
  return measured(1, `${times} of ${steps}, seen here${isAll ? '' : ', others by those'}`, spread)
}

/** The factor within which nine of ten more would lie, from logarithms of those that were seen. */
function spreadOf(logarithms: readonly number[]): number {
  const sorted = logarithms.filter(Number.isFinite).sort((a, b) => a - b)
  const at = Math.ceil((sorted.length + 1) * WITHIN) - 1
  const seen = Math.exp(sorted[Math.min(at, sorted.length - 1)] ?? 0)
  return sorted.length < ENOUGH ? Math.max(UNKNOWN_SPREAD, seen) : seen
}

function spreadBetween(factors: readonly number[]): number {
  const middle = median(factors)
  const apart = Math.max(1, ...factors.flatMap((factor) => [factor / middle, middle / factor]))
  return factors.length < ENOUGH_STEPS ? Math.max(UNKNOWN_SPREAD, apart) : apart
}

/** What is left of the times when the machines' part is taken away. */
function linkOf(away: readonly Observation[], rates: Rates, steps: readonly Step[]): Quantity | undefined {
  const seen = away
    .filter(({ step, bytes }) => steps.includes(step) && bytes > 0)
    .slice(-NEWEST)
    .map(({ step, bytes, seconds }) => Math.max(0, seconds - secondsOf(rates[step], bytes)) / bytes)
  if (seen.length === 0) return undefined
  const wider = seen.length < ENOUGH ? UNKNOWN_SPREAD : 1
  const from = seen.length === 1 ? 'one transfer, seen here' : `${seen.length} transfers, seen here`
  return {
    value: median(seen),
    low: Math.min(...seen) / wider,
    high: Math.max(...seen) * wider,
    origin: 'measured',
    from,
  }
}
