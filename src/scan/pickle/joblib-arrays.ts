import { type Made, nameOf, numberOf, textOf, type Value } from './values.ts'

/** The bytes of an array that follow the opcode by which joblib announces it. */
export interface ArrayPayload {
  readonly bytes: number
  /** A pickle follows in their place. */
  readonly objects: boolean
  /** A byte with the number of bytes that fill up comes first. */
  readonly aligned: boolean
}

const WRAPPER = 'joblib.numpy_pickle.NumpyArrayWrapper'

export function isArrayWrapper({ by }: Made): boolean {
  return by !== undefined && nameOf(by) === WRAPPER
}

/** What a wrapper with this state reads. Undefined where that cannot be told. */
export function arrayPayload(state: Value): ArrayPayload | undefined {
  if (state.kind !== 'dictionary' || state.items === undefined) return undefined
  const type = typeOf(state.items.get('dtype'))
  const shape = state.items.get('shape')
  if (type === undefined || shape?.kind !== 'tuple' || shape.items === undefined) return undefined
  let count = 1
  for (const item of shape.items) {
    const length = numberOf(item)
    if (length === undefined || length < 0) return undefined
    count *= length
  }
  const bytes = count * type.size
  if (!Number.isSafeInteger(bytes)) return undefined
  const alignment = state.items.get('numpy_array_alignment_bytes')
  const aligned = !type.objects && alignment !== undefined && alignment.kind !== 'none'
  return { bytes, objects: type.objects, aligned }
}

interface ElementType {
  readonly size: number
  readonly objects: boolean
}

/** Characters of a type whose size stands behind them in characters of four bytes, or is always the same. */
const NAMED_SIZES: Readonly<Record<string, number>> = {
  '?': 1,
  bool: 1,
  b: 1,
  B: 1,
  h: 2,
  H: 2,
  i: 4,
  I: 4,
  l: 8,
  L: 8,
  q: 8,
  Q: 8,
  e: 2,
  f: 4,
  d: 8,
  F: 8,
  D: 16,
}

/** `numpy.dtype('f8', False, True)` and the state that it was given. */
function typeOf(value: Value | undefined): ElementType | undefined {
  if (value?.kind !== 'made' || value.by === undefined) return undefined
  const { module, name } = value.by
  if (name !== 'dtype' || !/^numpy(?:\.dtypes)?$/.test(module)) return undefined
  const name0 = value.args?.kind === 'tuple' ? textOf(value.args.items?.[0]) : undefined
  const text = name0?.replace(/^[<>=|]/, '')
  if (text === undefined) return undefined
  const state = value.state?.kind === 'tuple' ? value.state.items : undefined
  const fields = state?.[3]
  if (text.startsWith('V') || (fields !== undefined && fields.kind !== 'none')) {
    const size = Number(/^V(\d{1,9})$/.exec(text)?.[1] ?? Number.NaN)
    const flags = numberOf(state?.[7])
    const subarray = state?.[2]
    if (!Number.isSafeInteger(size) || flags === undefined) return undefined
    if (subarray !== undefined && subarray.kind !== 'none') return undefined
    // NPY_ITEM_HASOBJECT
    return { size, objects: (flags & 1) !== 0 }
  }
  if (/^O\d*$/.test(text)) return { size: 8, objects: true }
  const sized = /^([bBiufcmMSUa])(\d{1,9})$/.exec(text)
  if (sized !== null) {
    const size = Number(sized[2])
    return { size: sized[1] === 'U' ? size * 4 : size, objects: false }
  }
  const size = NAMED_SIZES[text]
  return size === undefined ? undefined : { size, objects: false }
}
