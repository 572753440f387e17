import { oneLine } from '../../core/index.ts'
import { isDirect, usesOf } from './allowed.ts'
import { isDistribution, isHarmlessDistribution } from './distributions.ts'
import type { Notes } from './notes.ts'
import { createSpecialCalls } from './special-calls.ts'
import {
  type Global,
  globalOf,
  itemsOf,
  madeBy,
  nameOf,
  numberOf,
  OTHER,
  textOf,
  type Value,
} from './values.ts'

/** Judges what a pickle does. */
export interface Judge {
  /** An import, whatever becomes of it. */
  global(global: Global): void
  /** A call of something with arguments; what comes of it. */
  call(callable: Value, args: Value): Value
  /** A class makes an object without being called. */
  make(cls: Value, args: Value): Value
  /** An object gets its state. */
  build(target: Value, state: Value): void
  /** Something is put into a container: as into a list or a set, or by a key. */
  change(target: Value, as: 'list' | 'dictionary'): void
  /** A value becomes part of another, or of a container. */
  keep(value: Value): void
  /** An object that is elsewhere; what is known of it. */
  persistent(id: Value): Value
}

export function createJudge({ report, nest }: Pick<Notes, 'report' | 'nest'>): Judge {
  const hostile = (rule: string, what: string): void =>
    report({ rule, verdict: 'hostile', what: oneLine(what, 240) })
  const unresolved = (what: string): Value => {
    hostile('unresolved', what)
    return OTHER
  }
  const special = createSpecialCalls({
    unresolved,
    nest,
    call: (callable, args) => judge.call(callable, args),
  })

  const judge: Judge = {
    global(global) {
      if (usesOf(global) === undefined) hostile('global', `it imports ${nameOf(global)}`)
    },

    call(callable, args) {
      const global = globalOf(callable)
      if (global === undefined) {
        return unresolved('it calls something that is not known before it is loaded')
      }
      const uses = usesOf(global)
      if (uses === undefined) {
        hostile('call', `it calls ${nameOf(global)}`)
        return OTHER
      }
      if (uses === 'call') return madeBy(global, args)
      if (uses === 'name' || uses === 'make') {
        hostile('call', `it calls ${nameOf(global)}, which a model only names`)
        return OTHER
      }
      const items = itemsOf(args)
      if (items !== undefined) return special[uses](items, global)
      return unresolved(`${nameOf(global)} gets arguments that are not known before it is loaded`)
    },

    make(cls, args) {
      const global = globalOf(cls)
      if (global === undefined)
        return unresolved('it makes an object of something that is not known before it is loaded')
      const uses = usesOf(global)
      if (uses === 'make' || uses === 'call') return madeBy(global, args)
      if (uses === undefined) hostile('call', `it makes an object of ${nameOf(global)}`)
      else hostile('call', `it makes an object of ${nameOf(global)}, which is no class`)
      return OTHER
    },

    build(target, state) {
      if (target.kind === 'global') {
        hostile('change', `it changes ${nameOf(target)} itself`)
        return
      }
      if (target.kind === 'other') hostile('change', 'it gives a state to something that is not known')
      if (target.kind !== 'made' || target.by === undefined) return
      if (target.isBuilt) hostile('change', `it gives ${nameOf(target.by)} a state twice`)
      target.isBuilt = true
      if (mayReplaceClass(state))
        hostile('change', `it may give an object of ${nameOf(target.by)} another class`)
      if (isDistribution(target.by) && !isHarmlessDistribution(state)) {
        hostile('program', `it gives ${nameOf(target.by)} a text that scipy runs as a program`)
      }
    },

    change(target, as) {
      if (target.kind === 'global') hostile('change', `it changes ${nameOf(target)} itself`)
      if (target.kind === 'other') hostile('change', 'it changes something that is not known')
      if (target.kind === 'bytes') hostile('change', 'it changes bytes once they are there')
      if (target.kind !== 'made' || target.by === undefined) return
      // Pickle calls what the object has by the name of append, extend or add, which its state may have put there.
      if (target.isBuilt) hostile('change', `it changes an object of ${nameOf(target.by)} that has its state`)
      else if (as === 'list' && !APPENDED.has(target.by.name))
        hostile('change', `it appends to an object of ${nameOf(target.by)}, which is no list`)
    },

    keep(value) {
      if (value.kind === 'global' && isDirect(value))
        hostile('unresolved', `it keeps ${nameOf(value)}, which may be called with anything`)
    },

    persistent(id) {
      const [kind, type, key, location] = itemsOf(id) ?? []
      // The class of a part of a network, and the text of its program, which torch only compares.
      if (textOf(kind) === 'module' && globalOf(type) !== undefined) return type as Value
      const isStorage =
        textOf(kind) === 'storage' &&
        (globalOf(type)?.module ?? '').startsWith('torch') &&
        (textOf(key) !== undefined || numberOf(key) !== undefined) &&
        textOf(location) !== undefined
      if (!isStorage) hostile('persistent', 'it refers to an object that is not in it')
      return OTHER
    },
  }
  return judge
}

/** Lists, sets and the like, by the names of their classes. */
const APPENDED = new Set(['list', 'set', 'deque', 'FrozenList'])
/** Classes whose objects are dictionaries, of whose keys nothing is known. */
const DICTIONARIES = new Set(['dict', 'OrderedDict', 'defaultdict', 'Counter', 'Bunch', 'AttributeDict'])

/** The second half of a state is set by attributes, one of which is the class of the object. */
function mayReplaceClass(state: Value): boolean {
  if (state.kind !== 'tuple' || state.items?.length !== 2) return false
  const attributes = state.items[1]
  if (attributes?.kind === 'made') return DICTIONARIES.has(attributes.by?.name ?? '')
  return (
    attributes?.kind === 'dictionary' &&
    (attributes.hasUnknownKey === true || attributes.items?.has('__class__') === true)
  )
}
