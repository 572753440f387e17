/** What is known of a value on the stack of a pickle: enough to tell what is imported, and what is called with what. */
export type Value =
  | Text
  | Bytes
  | { readonly kind: 'number'; readonly number: number }
  | Global
  | Tuple
  | Dictionary
  | Made
  | { readonly kind: 'list' }
  | { readonly kind: 'none' }
  /** Anything that neither names nor does something, and anything of which nothing is known. */
  | { readonly kind: 'other' }

export interface Text {
  readonly kind: 'text'
  readonly text: string
}

/** Where they stand in what is walked. */
export interface Bytes {
  readonly kind: 'bytes'
  readonly at: number
  readonly length: number
}

export interface Global {
  readonly kind: 'global'
  readonly module: string
  readonly name: string
}

export interface Tuple {
  readonly kind: 'tuple'
  /** Undefined where there are too many to keep. */
  readonly items: readonly Value[] | undefined
}

/** Only items that matter are kept; see `KEPT_KEYS`. */
export interface Dictionary {
  readonly kind: 'dictionary'
  items?: Map<string, Value>
  /** A key may be any of those that matter. */
  hasUnknownKey?: boolean
}

/** An object that was made by a class or a function. */
export interface Made {
  readonly kind: 'made'
  readonly by: Global | undefined
  readonly args: Value | undefined
  /** What BUILD gave it. */
  state?: Value
  isBuilt?: boolean
}

export const OTHER: Value = { kind: 'other' }
export const LIST: Value = { kind: 'list' }
export const NONE: Value = { kind: 'none' }

/** Of a joblib array, of scipy's distributions, which run a text of their state, and of any object. */
export const KEPT_KEYS: ReadonlySet<string> = new Set([
  'subclass',
  'shape',
  'order',
  'dtype',
  'numpy_array_alignment_bytes',
  '_parse_arg_template',
  '__class__',
])

export function nameOf({ module, name }: Global): string {
  return `${module}.${name}`
}

export function itemsOf(value: Value | undefined): readonly Value[] | undefined {
  return value?.kind === 'tuple' ? value.items : undefined
}

export function textOf(value: Value | undefined): string | undefined {
  return value?.kind === 'text' ? value.text : undefined
}

export function numberOf(value: Value | undefined): number | undefined {
  return value?.kind === 'number' ? value.number : undefined
}

/** Whether it may turn out to be a text that is not known. */
export function mayBeText(value: Value | undefined): boolean {
  return value?.kind === 'other' || value?.kind === 'made'
}

export function globalOf(value: Value | undefined): Global | undefined {
  return value?.kind === 'global' ? value : undefined
}

/** A value to be kept, without what it may hold of others: of a tuple, what is neither made nor a container. */
export function flat(value: Value): Value {
  if (value.kind === 'dictionary') return OTHER
  if (value.kind !== 'tuple' || value.items === undefined) return value
  const isPlain = ({ kind }: Value): boolean => kind === 'text' || kind === 'number' || kind === 'none'
  return { kind: 'tuple', items: value.items.map((item) => (isPlain(item) ? item : OTHER)) }
}

/** An object that is made of this, of whose arguments little is kept. */
export function madeBy(by: Global, args: Value | undefined): Made {
  return { kind: 'made', by, args: plainArgs(args) }
}

/** Of what something was made with, as much as says of which type an array is. */
function plainArgs(args: Value | undefined): Value | undefined {
  if (args?.kind !== 'tuple' || args.items === undefined || args.items.length > 4) return undefined
  return {
    kind: 'tuple',
    items: args.items.map((item) => (item.kind === 'text' || item.kind === 'number' ? item : OTHER)),
  }
}
