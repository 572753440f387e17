import { NAMES, PATTERNS, type Uses } from './harmless.ts'
import { type Global, globalOf, type Value } from './values.ts'

/**
 * Undefined for what is not known to be harmless. Names are listed one by one but for classes of packages none of whose
 * classes does anything but hold figures when an object of it is made without a call. A name with a dot in it would be
 * looked up in what it begins with, which may be a module.
 */
export function usesOf({ module, name }: Global): Uses | undefined {
  const listed = LISTED.get(`${module} ${name}`)
  if (listed !== undefined) return listed
  if (!/^\w+$/.test(name) || METACLASS.test(name)) return undefined
  for (const { modules, names, uses, except } of PATTERNS) {
    if (modules.test(module) && names.test(name) && !except?.test(module)) return uses
  }
  return undefined
}

/** What does whatever its arguments say: as a value, somebody else would call it with arguments that nobody judged. */
const DIRECT: ReadonlySet<Uses> = new Set<Uses>([
  'reconstruct',
  'newObject',
  'attribute',
  'encode',
  'named',
  'load',
  'fromType',
  'applied',
  'subclass',
  'generator',
])

/** Whether it is harmless only where the pickle itself calls it. */
export function isDirect(global: Global): boolean {
  const uses = usesOf(global)
  return uses !== undefined && DIRECT.has(uses)
}

/** Whether it is imported, and objects may be made of it. */
export function isClass(value: Value | undefined): value is Global {
  const global = globalOf(value)
  const uses = global && usesOf(global)
  return uses === 'call' || uses === 'make'
}

/** What makes classes, which modules of classes have among their names. */
const METACLASS = /^_?\w*Meta(?:class)?$|^EnumType$/

/** Each of the names with its module, and what may be done with it. */
const LISTED: ReadonlyMap<string, Uses> = new Map(
  Object.entries(NAMES).flatMap(([modules, byUse]) =>
    modules
      .split(' ')
      .flatMap((module) =>
        Object.entries(byUse).flatMap(([uses, names]) =>
          names.split(/\s+/).map((name) => [`${module} ${name}`, uses as Uses] as const),
        ),
      ),
  ),
)
