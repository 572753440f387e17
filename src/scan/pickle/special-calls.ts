import { isClass, usesOf } from './allowed.ts'
import { isDistribution, METHODS } from './distributions.ts'
import type { SpecialUse } from './harmless.ts'
import type { Notes } from './notes.ts'
import { type Global, globalOf, madeBy, nameOf, OTHER, textOf, type Value } from './values.ts'

export interface SpecialInput {
  /** What cannot be told is hostile. */
  readonly unresolved: (what: string) => Value
  readonly nest: Notes['nest']
  readonly call: (callable: Value, args: Value) => Value
}

type SpecialCall = (args: readonly Value[], by: Global) => Value

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

/** Functions that do what their arguments say, each with what these may be; what comes of such a call. */
export function createSpecialCalls({
  unresolved,
  nest,
  call,
}: SpecialInput): Readonly<Record<SpecialUse, SpecialCall>> {
  return {
    reconstruct([cls, base], by) {
      if (!isClass(cls)) return unresolved(`${nameOf(by)} makes an object of what is no known class`)
      const from = globalOf(base)
      const isBase =
        from !== undefined && /^(?:builtins|__builtin__)$/.test(from.module) && BASES.has(from.name)
      if (!isBase) return unresolved(`${nameOf(by)} makes an object by what is no type of Python's own`)
      return madeBy(cls, undefined)
    },
    newObject([cls], by) {
      return isClass(cls)
        ? madeBy(cls, undefined)
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
      if (usesOf(named) !== undefined) return named
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
    /** It calls its first argument with its second. */
    applied([callable, args], by) {
      return isOf(callable, /^numpy\._?core\.multiarray$/)
        ? call(callable, args ?? OTHER)
        : unresolved(`${nameOf(by)} calls what makes no array`)
    },
    /** It gives its first argument back. */
    same: ([value]) => value ?? OTHER,
    /** It makes an object of its first argument. */
    subclass([cls, base], by) {
      return isClass(cls) && isClass(base) && [cls, base].every((one) => isOf(one, /^numpy\b/))
        ? madeBy(cls, undefined)
        : unresolved(`${nameOf(by)} makes an object of what is no array`)
    },
    /** It calls its second argument with its first. */
    generator([name, maker, ...more], by) {
      const isOwn =
        maker === undefined || (isOf(maker, /^numpy\.random\b/) && maker.name === '__bit_generator_ctor')
      return isOwn && more.length === 0
        ? madeBy(by, name && { kind: 'tuple', items: [name] })
        : unresolved(`${nameOf(by)} calls what makes no random numbers`)
    },
    /** It calls its first argument with its third. */
    fromType([callable, cls, args], by) {
      if (!isOf(callable, /^torch\._utils$/)) return unresolved(`${nameOf(by)} calls what makes no tensor`)
      if (!isClass(cls)) return unresolved(`${nameOf(by)} makes an object of what is no known class`)
      return call(callable ?? OTHER, args ?? OTHER)
    },
  }
}

function isOf(value: Value | undefined, modules: RegExp): value is Global {
  return value?.kind === 'global' && modules.test(value.module)
}
