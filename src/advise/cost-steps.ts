import { type Answers, keepsNothing } from './answers.ts'
import type { InputName } from './inputs.ts'
import { type Rates, STEPS, type Step } from './rates.ts'
import { each, type Term, type Terms, term } from './terms.ts'

/**
 * What a way costs, event by event. Times are seconds from the event until every container of the application
 * serves; bytes are those that move over the network, all nodes together.
 */
export interface Costs {
  /** A new version of the model, of one variant. */
  readonly update: Timed
  /** A new version of the code. */
  readonly code: Timed
  /** A container starts on a node that has neither image nor model. */
  readonly cold: Timed
  /** A container starts on a node that has both. */
  readonly warm: Timed
  /** Work of people for one new version of the model, of one variant, in seconds. */
  readonly people: Terms
  readonly parts: readonly string[]
}

export interface Timed {
  readonly seconds: Terms
  readonly bytes: Terms
}

/** Steps that times are made of; each goes through the bytes that the factors multiply to. */
export interface Kit {
  readonly keepsNothing: boolean
  readonly step: (name: Step, ...bytes: InputName[]) => Terms
  readonly up: (...bytes: InputName[]) => Terms
  /** All nodes pull at once: each over its own link, all of them from one registry. */
  readonly toAll: (...bytes: InputName[]) => Terms
  /** What moves meanwhile. */
  readonly received: (...bytes: InputName[]) => Terms
  readonly toOne: (...bytes: InputName[]) => Terms
}

/** What the events of one way cost, but for the people. */
export type Make = (kit: Kit, answers: Answers) => Omit<Costs, 'people' | 'parts'>

export function kitOf(rates: Rates, answers: Answers): Kit {
  // Where containers get a fresh place each time, every one of them pulls for itself.
  const isFresh = keepsNothing(answers)
  const pullers = isFresh ? 'replicas' : 'nodes'
  const link = (...bytes: InputName[]): Term => term('transfer to a node', 1, ...bytes, 'linkPerByte')
  return {
    keepsNothing: isFresh,
    step: (name, ...bytes) => [
      term(STEPS[name], rates[name].fixed, 'machine'),
      term(STEPS[name], rates[name].perByte, ...bytes, 'machine'),
    ],
    up: (...bytes) => [term('transfer from the machine that publishes', 1, ...bytes, 'uplinkPerByte')],
    toAll: (...bytes) => [
      link(...bytes),
      term('nodes that pull at the same time', 1, ...bytes, pullers, 'egressPerByte'),
      term('nodes that pull at the same time', -1, ...bytes, 'egressPerByte'),
    ],
    received: (...bytes) => [term('pulled by each node', 1, ...bytes, pullers)],
    toOne: (...bytes) => [link(...bytes)],
  }
}

export const STARTS: Terms = [term('start of the application', 1, 'start')]
export const PIPELINE: Terms = [term('build pipeline', 1, 'pipeline')]
export const MODEL = 'modelBytes'
export const CHANGED = ['modelBytes', 'changedShare'] as const
/** Layers hold several small files, so that more is sent than has changed. */
export const SENT = ['modelBytes', 'sentShare'] as const

/** Somebody who puts the version where it belongs. */
export const FILLED: Term = term('somebody who fills it', 1, 'attention')

/** How a running application comes to serve what has been mounted. */
export function taking({ reload }: Answers): Terms {
  return reload ? [] : STARTS
}

export function plus(...costs: readonly Timed[]): Timed {
  return { seconds: costs.flatMap(({ seconds }) => seconds), bytes: costs.flatMap(({ bytes }) => bytes) }
}

export function timesInput({ seconds, bytes }: Timed, input: InputName): Timed {
  return { seconds: each(seconds, input), bytes: each(bytes, input) }
}

export function sent(...bytes: InputName[]): Terms {
  return [term('sent once', 1, ...bytes)]
}
