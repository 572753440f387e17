import { type Answers, keepsByDigest, keepsNothing } from './answers.ts'
import type { InputName } from './inputs.ts'
import { type Rates, STEPS, type Step } from './rates.ts'
import { each, type Term, type Terms, term } from './terms.ts'
import type { Way, WayName } from './ways.ts'

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
interface Kit {
  readonly keepsNothing: boolean
  readonly step: (name: Step, ...bytes: InputName[]) => Terms
  readonly up: (...bytes: InputName[]) => Terms
  /** All nodes pull at once: each over its own link, all of them from one registry. */
  readonly toAll: (...bytes: InputName[]) => Terms
  /** What moves meanwhile. */
  readonly received: (...bytes: InputName[]) => Terms
  readonly toOne: (...bytes: InputName[]) => Terms
}

function kitOf(rates: Rates, answers: Answers): Kit {
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

const STARTS: Terms = [term('start of the application', 1, 'start')]
const PIPELINE: Terms = [term('build pipeline', 1, 'pipeline')]
const MODEL = 'modelBytes'
const CHANGED = ['modelBytes', 'changedShare'] as const
/** Layers hold several small files, so that more is sent than has changed. */
const SENT = ['modelBytes', 'sentShare'] as const

/** Throws nothing; whether the way is possible at all is not looked at. */
export function costsOf(way: Way, answers: Answers, rates: Rates): Costs {
  const parts = way.parts(answers)
  const make = answers.local ? DEVELOPED[way.name] : RELEASED[way.name]
  return { ...make(kitOf(rates, answers), answers), people: peopleOf(way, answers), parts }
}

function peopleOf({ name, strategy }: Way, { coupling, team, local }: Answers): Terms {
  const redeploys = strategy === 'embed' || coupling === 'tight' || name === 'download'
  const agreed = team === 'separate' && (strategy === 'embed' || coupling === 'tight')
  if (local && strategy === 'mount') return []
  return [
    ...(redeploys ? [term('redeploys', 1, 'attention', 'apps')] : []),
    ...(name === 'by-hand' && !redeploys ? [FILLED] : []),
    ...(agreed && !local ? [term('agreement between teams', 1, 'agreement', 'apps')] : []),
  ]
}

const FILLED: Term = term('somebody who fills it', 1, 'attention')

type Make = (kit: Kit, answers: Answers) => Omit<Costs, 'people' | 'parts'>

/** On one machine, where the model is made and the application is tried. */
const DEVELOPED: Readonly<Record<WayName, Make>> = {
  copy: ({ step }) => local([...step('build', MODEL), ...STARTS], each(step('build', MODEL), 'copyRepeats')),
  'embed-top': ({ step }) =>
    local([...step('hash', MODEL), ...step('load', MODEL, 'pulledShare'), ...STARTS], step('load', MODEL)),
  // The layers of the code lie above and are loaded again.
  'embed-bottom': ({ step }) =>
    local(
      [
        ...step('hash', MODEL),
        ...step('load', MODEL, 'pulledShare'),
        ...step('load', 'imageBytes'),
        ...STARTS,
      ],
      step('load', 'codeBytes'),
    ),
  'by-hand': (_, answers) => local(taking(answers), []),
  download: ({ step, toOne }) => {
    const fetch = [...toOne(MODEL), ...step('fetch', MODEL)]
    return local([...fetch, ...STARTS], fetch)
  },
  'mount-volume': ({ step }, answers) =>
    local([...step('hash', MODEL), ...step('deliver', MODEL), ...taking(answers)], []),
  'mount-plugin': ({ step }, answers) =>
    local([...step('hash', MODEL), ...step('attach'), ...taking(answers)], step('attach')),
}

function local(update: Terms, code: Terms): ReturnType<Make> {
  const nothing = { seconds: STARTS, bytes: [] }
  return {
    update: { seconds: update, bytes: [] },
    code: { seconds: [...code, ...STARTS], bytes: [] },
    cold: nothing,
    warm: nothing,
  }
}

/** How a running application comes to serve what has been mounted. */
function taking({ reload }: Answers): Terms {
  return reload ? [] : STARTS
}

/** From where it is built, through a registry or store, to the nodes. */
const RELEASED: Readonly<Record<WayName, Make>> = {
  copy(kit) {
    const { step, up, toAll, received } = kit
    const built: Timed = {
      seconds: [...step('build', MODEL), ...step('push', MODEL), ...up(MODEL)],
      bytes: sent(MODEL),
    }
    const pulled: Timed = {
      seconds: [...toAll(MODEL), ...step('pullCompressed', MODEL)],
      bytes: received(MODEL),
    }
    const repeated = kit.keepsNothing
      ? plus(timesInput(timesInput(built, 'copyRepeats'), 'tenants'), pulled)
      : timesInput(timesInput(plus(built, pulled), 'copyRepeats'), 'tenants')
    return {
      update: plus({ seconds: PIPELINE, bytes: [] }, timesInput(plus(built, pulled), 'apps'), restarted(kit)),
      code: plus(codeOf(kit), repeated),
      cold: imageAnd(kit, [...kit.toOne(MODEL), ...step('pullCompressed', MODEL)]),
      warm: WARM,
    }
  },
  'embed-top'(kit, answers) {
    const pulled = pullOf(kit, answers, 'top')
    const whole = keepsByDigest(answers) && !kit.keepsNothing ? NOTHING : timedPull(kit, MODEL)
    return {
      update: plus(published(kit), pulled, restarted(kit)),
      code: plus(codeOf(kit), embeddedAnew(kit, whole)),
      cold: imageAnd(kit, [...kit.toOne(MODEL), ...kit.step('pull', MODEL)]),
      warm: WARM,
    }
  },
  'embed-bottom'(kit, answers) {
    const pulled = pullOf(kit, answers, 'bottom')
    const whole = kit.keepsNothing ? timedPull(kit, MODEL) : NOTHING
    return {
      update: plus(published(kit), pulled, restarted(kit)),
      code: plus(codeOf(kit), embeddedAnew(kit, whole)),
      cold: imageAnd(kit, [...kit.toOne(MODEL), ...kit.step('pull', MODEL)]),
      warm: WARM,
    }
  },
  'by-hand'(kit, answers) {
    const { step, up, toOne } = kit
    return {
      // As rsync does, which people use for it; the slower of both links is not known, so that both count.
      update: {
        seconds: [...up(...CHANGED), ...toOne(...CHANGED), ...step('copy', ...CHANGED), ...taking(answers)],
        bytes: sent(...CHANGED),
      },
      code: codeOf(kit),
      cold: plus(imageAnd(kit, [...toOne(MODEL), ...step('copy', MODEL)]), {
        seconds: [FILLED],
        bytes: [],
      }),
      warm: WARM,
    }
  },
  download(kit) {
    const { step, up, toOne } = kit
    const together: Terms = [
      term('containers that download at the same time', 1, MODEL, 'replicas', 'egressPerByte'),
      term('containers that download at the same time', -1, MODEL, 'egressPerByte'),
    ]
    const all: Timed = {
      seconds: [...toOne(MODEL), ...together, ...step('fetch', MODEL)],
      bytes: [term('downloads', 1, MODEL, 'replicas')],
    }
    const one: Terms = [...toOne(MODEL), ...step('fetch', MODEL)]
    return {
      update: plus(
        { seconds: [...step('send', ...CHANGED), ...up(...CHANGED)], bytes: sent(...CHANGED) },
        timesInput(all, 'apps'),
        restarted(kit),
      ),
      code: plus(codeOf(kit), all),
      cold: imageAnd(kit, one),
      warm: { seconds: [...one, ...STARTS], bytes: [term('downloads', 1, MODEL)] },
    }
  },
  'mount-volume'(kit, answers) {
    const { step, toOne } = kit
    const copied = step('deliver', MODEL)
    return {
      update: plus(stored(kit), { seconds: [...copied, ...taking(answers)], bytes: [] }),
      code: codeOf(kit),
      cold: imageAnd(kit, [...toOne(MODEL), ...step('fetch', MODEL), ...copied]),
      warm: WARM,
    }
  },
  'mount-plugin'(kit, answers) {
    const { step, toOne } = kit
    return {
      // A volume that follows its tag is not mounted anew.
      update: plus(stored(kit), { seconds: taking(answers), bytes: [] }),
      code: plus(codeOf(kit), { seconds: step('attach'), bytes: [] }),
      cold: imageAnd(kit, [...toOne(MODEL), ...step('fetch', MODEL), ...step('attach')]),
      warm: { seconds: [...step('attach'), ...STARTS], bytes: [] },
    }
  },
}

const NOTHING: Timed = { seconds: [], bytes: [] }
const STARTED: Timed = { seconds: STARTS, bytes: [] }
const WARM = STARTED

function plus(...costs: readonly Timed[]): Timed {
  return { seconds: costs.flatMap(({ seconds }) => seconds), bytes: costs.flatMap(({ bytes }) => bytes) }
}

function timesInput({ seconds, bytes }: Timed, input: InputName): Timed {
  return { seconds: each(seconds, input), bytes: each(bytes, input) }
}

function sent(...bytes: InputName[]): Terms {
  return [term('sent once', 1, ...bytes)]
}

/** What every way does for a new version of the code. */
function codeOf(kit: Kit): Timed {
  const pulled = imagePulled(kit, kit.keepsNothing ? 'imageBytes' : 'codeBytes')
  return plus({ seconds: PIPELINE, bytes: sent('codeBytes') }, pulled, STARTED)
}

/** Containers that start in a fresh place pull the image as well, which has not changed. */
function restarted(kit: Kit): Timed {
  return kit.keepsNothing ? plus(timesInput(imagePulled(kit, 'imageBytes'), 'apps'), STARTED) : STARTED
}

function imagePulled({ step, toAll, received }: Kit, bytes: 'imageBytes' | 'codeBytes'): Timed {
  return { seconds: [...toAll(bytes), ...step('pullCompressed', bytes)], bytes: received(bytes) }
}

function imageAnd({ step, toOne }: Kit, model: Terms): Timed {
  return {
    seconds: [...toOne('imageBytes'), ...step('pullCompressed', 'imageBytes'), ...model, ...STARTS],
    bytes: [term('image', 1, 'imageBytes'), term('model', 1, MODEL)],
  }
}

/** Each variant has an image of its own; a container of a fresh place pulls one, a node that is kept all of them. */
function embeddedAnew(kit: Kit, pulled: Timed): Timed {
  const embedded: Timed = { seconds: each(kit.step('upload'), 'tenants'), bytes: [] }
  return plus(embedded, kit.keepsNothing ? pulled : timesInput(pulled, 'tenants'))
}

/** All files are read to find those that changed; layers with such files are sent. */
function published({ step, up }: Kit): Timed {
  return {
    seconds: [...step('hash', MODEL), ...step('upload', ...SENT), ...up(...SENT)],
    bytes: sent(...SENT),
  }
}

/** What nodes pull of an image whose model has changed. */
function pullOf(kit: Kit, answers: Answers, position: 'top' | 'bottom'): Timed {
  if (kit.keepsNothing) return timesInput(timedPull(kit, MODEL), 'apps')
  if (keepsByDigest(answers)) return timedPull(kit, ...SENT)
  const changed = timedPull(kit, MODEL, 'pulledShare')
  if (position === 'top') return timesInput(changed, 'apps')
  // The layers above those that changed are others to a node that tells them by what is below them.
  return plus(changed, timesInput(imagePulled(kit, 'imageBytes'), 'apps'))
}

function timedPull({ step, toAll, received }: Kit, ...bytes: InputName[]): Timed {
  return { seconds: [...toAll(...bytes), ...step('pull', ...bytes)], bytes: received(...bytes) }
}

/** A version's new files reach the store and, from there, every node. */
function stored({ step, up, toAll, received }: Kit): Timed {
  return {
    seconds: [
      ...step('hash', MODEL),
      ...step('send', ...CHANGED),
      ...up(...CHANGED),
      ...toAll(...CHANGED),
      ...step('fetch', ...CHANGED),
    ],
    bytes: [...sent(...CHANGED), ...received(...CHANGED)],
  }
}
