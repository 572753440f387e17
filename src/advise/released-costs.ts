import { type Answers, keepsByDigest } from './answers.ts'
import {
  CHANGED,
  FILLED,
  type Kit,
  type Make,
  MODEL,
  PIPELINE,
  plus,
  SENT,
  STARTS,
  sent,
  type Timed,
  taking,
  timesInput,
} from './cost-steps.ts'
import type { InputName } from './inputs.ts'
import { each, type Terms, term } from './terms.ts'
import type { WayName } from './ways.ts'

/** From where it is built, through a registry or store, to the nodes. */
export const RELEASED: Readonly<Record<WayName, Make>> = {
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
  'embed-top': embedded('top'),
  'embed-bottom': embedded('bottom'),
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

function embedded(position: 'top' | 'bottom'): Make {
  return (kit, answers) => ({
    update: plus(published(kit), pullOf(kit, answers, position), restarted(kit)),
    code: plus(codeOf(kit), embeddedAnew(kit, modelPulledWithCode(kit, answers, position))),
    cold: imageAnd(kit, [...kit.toOne(MODEL), ...kit.step('pull', MODEL)]),
    warm: WARM,
  })
}

/** Whether new code makes nodes pull the model again: below the code it stays, and where blobs are kept by digest. */
function modelPulledWithCode(kit: Kit, answers: Answers, position: 'top' | 'bottom'): Timed {
  const stays = position === 'bottom' || keepsByDigest(answers)
  return stays && !kit.keepsNothing ? NOTHING : timedPull(kit, MODEL)
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
