import { oneLine } from '../../core/index.ts'
import { isDirect, usesOf } from './allowed.ts'
import type { Notes } from './notes.ts'
import {
  type Dictionary,
  type Global,
  globalOf,
  itemsOf,
  type Made,
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

/** Python's own types that a class may be derived from where objects of it are made by `copyreg`. */
const BASES = new Set([
  'object',
  'dict',
  'list',
  'tuple',
  'set',
  'frozenset',
  'int',
  'float',
  'str',
  'bytes',
  'complex',
])

export function createJudge({ report, nest }: Pick<Notes, 'report' | 'nest'>): Judge {
  const hostile = (rule: string, what: string): void =>
    report({ rule, verdict: 'hostile', what: oneLine(what, 240) })
  const made = (by: Global | undefined, args: Value | undefined): Made => ({
    kind: 'made',
    by,
    args: plainArgs(args),
  })
  /** Where something else is imported already, its import was reported. */
  const isKnown = (global: Global): boolean => usesOf(global) !== undefined
  const unresolved = (what: string): Value => {
    hostile('unresolved', what)
    return OTHER
  }
  const isOf = (value: Value | undefined, modules: RegExp): value is Global =>
    value?.kind === 'global' && modules.test(value.module)
  const isClass = (value: Value | undefined): value is Global => {
    const global = globalOf(value)
    const uses = global && usesOf(global)
    return uses === 'call' || uses === 'make'
  }

  /** Functions that do what their arguments say, each with what these may be. */
  const SPECIAL: Readonly<Record<string, (args: readonly Value[], by: Global) => Value>> = {
    reconstruct([cls, base], by) {
      if (!isClass(cls)) return unresolved(`${nameOf(by)} makes an object of what is no known class`)
      const from = globalOf(base)
      const isBase =
        from !== undefined && /^(?:builtins|__builtin__)$/.test(from.module) && BASES.has(from.name)
      if (!isBase) return unresolved(`${nameOf(by)} makes an object by what is no type of Python's own`)
      return made(cls, undefined)
    },
    newObject([cls], by) {
      return isClass(cls)
        ? made(cls, undefined)
        : unresolved(`${nameOf(by)} makes an object of what is no known class`)
    },
    /** Members of enumerations are pickled so. */
    attribute([of, name], by) {
      if (isClass(of) && nameOf(of) === 'zoneinfo.ZoneInfo' && textOf(name) === '_unpickle') {
        return { kind: 'global', module: 'zoneinfo', name: 'ZoneInfo._unpickle' }
      }
      // Methods that scipy's distributions keep.
      if (
        of?.kind === 'made' &&
        of.by !== undefined &&
        isDistribution(of.by) &&
        METHODS.has(textOf(name) ?? '')
      )
        return OTHER
      const isMember = isClass(of) && /^[A-Z][A-Z0-9_]*$/.test(textOf(name) ?? '')
      return isMember
        ? OTHER
        : unresolved(`${nameOf(by)} takes something that is looked up while it is loaded`)
    },
    /** Python 2 had no bytes that Python 3 would know. */
    encode([, encoding], by) {
      const isLatin = /^latin-?1$|^iso-?8859-1$/i.test(textOf(encoding) ?? '')
      return isLatin ? OTHER : unresolved(`${nameOf(by)} makes bytes in a way that is not followed`)
    },
    named([module, name], by) {
      const named = { kind: 'global', module: textOf(module) ?? '', name: textOf(name) ?? '' } as const
      if (isKnown(named)) return named
      return unresolved(`${nameOf(by)} imports ${nameOf(named)}`)
    },
    /** torch.load, of bytes in the pickle. */
    load([data], by) {
      if (data?.kind === 'bytes') {
        nest({ at: data.at, length: data.length, mustBeKnown: true })
        return OTHER
      }
      return unresolved(`${nameOf(by)} loads a pickle that cannot be told beforehand`)
    },
    /** The types of None, Ellipsis and NotImplemented are pickled so; with more arguments it makes classes. */
    typeOf([value, ...more], by) {
      const isPlain =
        value !== undefined && more.length === 0 && (value.kind === 'none' || globalOf(value) !== undefined)
      return isPlain ? OTHER : unresolved(`${nameOf(by)} makes a class`)
    },
    newIndex([cls], by) {
      return isClass(cls)
        ? made(cls, undefined)
        : unresolved(`${nameOf(by)} makes an object of what is no known class`)
    },
    /** It calls its first argument with its second. */
    applied([callable, args], by) {
      return isOf(callable, /^numpy\._?core\.multiarray$/)
        ? judge.call(callable, args ?? OTHER)
        : unresolved(`${nameOf(by)} calls what makes no array`)
    },
    /** It gives its first argument back. */
    same: ([value]) => value ?? OTHER,
    /** It makes an object of its first argument. */
    subclass([cls, base], by) {
      return isClass(cls) && isClass(base) && [cls, base].every((one) => isOf(one, /^numpy\b/))
        ? made(cls, undefined)
        : unresolved(`${nameOf(by)} makes an object of what is no array`)
    },
    /** It calls its second argument with its first. */
    generator([name, maker, ...more], by) {
      const isOwn =
        maker === undefined || (isOf(maker, /^numpy\.random\b/) && maker.name === '__bit_generator_ctor')
      return isOwn && more.length === 0
        ? made(by, name && { kind: 'tuple', items: [name] })
        : unresolved(`${nameOf(by)} calls what makes no random numbers`)
    },
    /** It calls its first argument with its third. */
    fromType([callable, cls, args], by) {
      if (!isOf(callable, /^torch\._utils$/)) return unresolved(`${nameOf(by)} calls what makes no tensor`)
      if (!isClass(cls)) return unresolved(`${nameOf(by)} makes an object of what is no known class`)
      return judge.call(callable ?? OTHER, args ?? OTHER)
    },
  }

  const judge: Judge = {
    global(global) {
      if (!isKnown(global)) hostile('global', `it imports ${nameOf(global)}`)
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
      if (uses === 'call') return made(global, args)
      const special = SPECIAL[uses]
      if (special !== undefined) {
        const items = itemsOf(args)
        if (items !== undefined) return special(items, global)
        return unresolved(`${nameOf(global)} gets arguments that are not known before it is loaded`)
      }
      hostile('call', `it calls ${nameOf(global)}, which a model only names`)
      return OTHER
    },

    make(cls, args) {
      const global = globalOf(cls)
      if (global === undefined)
        return unresolved('it makes an object of something that is not known before it is loaded')
      const uses = usesOf(global)
      if (uses === 'make' || uses === 'call') return made(global, args)
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

/** Scipy's distributions: their state has the text of the function that reads their arguments. */
function isDistribution({ module }: Global): boolean {
  return module.startsWith('scipy.stats.')
}

const METHODS = new Set(['_nonzero', '_argcheck', '_entropy', '_munp', '_cdf', '_ppf'])

const TEMPLATE_HEAD = /^def _parse_args(?:_rvs|_stats)?\(self, [\w=.', ]*\):$/
const TEMPLATE_BODY = /^ {4}return [\w=.', ()]*$/
/** Of the one function that it calls. */
const TEMPLATE_CALL = /self\._argcheck_rvs\(/g

/** Three functions that give their arguments back in another order, and call nothing. */
function isPlainTemplate(text: string): boolean {
  return text
    .replaceAll(TEMPLATE_CALL, '')
    .split('\n')
    .every(
      (line) =>
        line === '' || TEMPLATE_HEAD.test(line) || (TEMPLATE_BODY.test(line) && !/[\w')]\(/.test(line)),
    )
}

function isHarmlessDistribution(state: Value): boolean {
  if (state.kind === 'tuple') {
    return (
      state.items?.every(
        (item) => item.kind !== 'list' && (item.kind !== 'dictionary' || hasPlainTemplate(item)),
      ) ?? false
    )
  }
  return state.kind === 'dictionary' && hasPlainTemplate(state)
}

function hasPlainTemplate({ items, hasUnknownKey }: Dictionary): boolean {
  if (hasUnknownKey === true) return false
  const template = items?.get('_parse_arg_template')
  return template === undefined || isPlainTemplate(textOf(template) ?? '-')
}

/** Of what something was made with, as much as says of which type an array is. */
function plainArgs(args: Value | undefined): Value | undefined {
  if (args?.kind !== 'tuple' || args.items === undefined || args.items.length > 4) return undefined
  return {
    kind: 'tuple',
    items: args.items.map((item) => (item.kind === 'text' || item.kind === 'number' ? item : OTHER)),
  }
}
