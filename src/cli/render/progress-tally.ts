import type { Progress, Step } from '../../core/index.ts'
import { createRate, type Rate } from './progress-rate.ts'

export interface ItemStanding {
  readonly item: string
  /** In bytes. */
  readonly done: number
  /** Undefined where nobody has said. */
  readonly total: number | undefined
}

/** Where a step is; bytes, milliseconds. */
export interface StepStanding {
  readonly step: Step
  readonly done: number
  /** Of all that is known to be moved by this step. */
  readonly total: number
  /** Whether more may yet be found: there is no time left to be told then. */
  readonly mayGrow: boolean
  readonly items: { readonly done: number; readonly total: number }
  readonly perSecond: number
  readonly idle: number
  readonly inFlight: readonly ItemStanding[]
}

export interface Tally {
  readonly count: (event: Progress, now: number) => void
  /** The steps that have something in flight, in the order in which they began. */
  readonly active: (now: number) => readonly StepStanding[]
  readonly all: (now: number) => readonly StepStanding[]
  /** Undefined for what is not in flight. */
  readonly itemOf: (event: Progress) => ItemStanding | undefined
}

/**
 * Adds up what is told. Each step counts by itself: what is hashed and then sent is not twice as much. An item that
 * starts again before it is done goes on with what it has left.
 */
export function createTally(): Tally {
  const steps = new Map<Step, StepTally>()
  const all = (now: number): readonly StepStanding[] =>
    [...steps].map(([step, tally]) => standingOf(step, tally, now))
  return {
    count(event, now) {
      const tally = steps.get(event.step) ?? newStep(now)
      steps.set(event.step, tally)
      countIn(tally, event, now)
    },
    active: (now) => all(now).filter(({ inFlight }) => inFlight.length > 0),
    all,
    itemOf({ step, item }) {
      const flying = steps.get(step)?.flying.get(item)
      return flying && { item, ...flying }
    },
  }
}

interface Flying {
  done: number
  total: number | undefined
}

interface StepTally {
  readonly rate: Rate
  /** Bytes of what has not begun, by item. */
  readonly planned: Map<string, number>
  readonly flying: Map<string, Flying>
  isPlanned: boolean
  /** Of what is not in flight any more. */
  endedBytes: number
  ended: number
}

function newStep(now: number): StepTally {
  return {
    rate: createRate(now),
    planned: new Map(),
    flying: new Map(),
    isPlanned: false,
    endedBytes: 0,
    ended: 0,
  }
}

function countIn(tally: StepTally, event: Progress, now: number): void {
  const { planned, flying } = tally
  const { item } = event
  const known = flying.get(item)
  switch (event.kind) {
    case 'plan':
      tally.isPlanned = true
      planned.set(item, event.total)
      break
    case 'start': {
      planned.delete(item)
      const total = Math.max(known?.total ?? 0, event.total)
      flying.set(item, { done: known === undefined ? 0 : total - event.total, total })
      break
    }
    case 'bytes': {
      const one = known ?? { done: 0, total: planned.get(item) }
      planned.delete(item)
      one.done += event.count
      if (one.total !== undefined) one.total = Math.max(one.total, one.done)
      flying.set(item, one)
      tally.rate.add(event.count, now)
      break
    }
    case 'done':
      // A link or a reflink is whole without a byte that moved.
      tally.endedBytes += known?.total ?? known?.done ?? planned.get(item) ?? 0
      if (known !== undefined || planned.has(item)) tally.ended++
      flying.delete(item)
      planned.delete(item)
      break
    case 'skip':
      flying.delete(item)
      planned.delete(item)
  }
}

function standingOf(
  step: Step,
  { rate, planned, flying, isPlanned, endedBytes, ended }: StepTally,
  now: number,
): StepStanding {
  const inFlight = [...flying].map(([item, one]) => ({ item, ...one }))
  const done = inFlight.reduce((sum, one) => sum + one.done, endedBytes)
  const begun = inFlight.reduce((sum, one) => sum + (one.total ?? one.done), endedBytes)
  return {
    step,
    done,
    total: [...planned.values()].reduce((sum, bytes) => sum + bytes, begun),
    mayGrow: !isPlanned || inFlight.some(({ total }) => total === undefined),
    items: { done: ended, total: ended + inFlight.length + planned.size },
    perSecond: rate.perSecond(now),
    idle: rate.idle(now),
    inFlight,
  }
}
