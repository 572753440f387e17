import { sizeOfNumpyType } from '../numpy-types.ts'
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
  if (state.kind !== 'dictionary' || state.items === undefined || state.hasUnknownKey === true)
    return undefined
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

/** `numpy.dtype('f8', False, True)` and the state that it was given. */
function typeOf(value: Value | undefined): ElementType | undefined {
  if (value?.kind !== 'made' || value.by === undefined) return undefined
  const { module, name } = value.by
  if (name !== 'dtype' || !/^numpy(?:\.dtypes)?$/.test(module)) return undefined
  const name0 = value.args?.kind === 'tuple' ? textOf(value.args.items?.[0]) : undefined
  const text = name0?.replace(/^[<>=|]/, '')
  if (text === undefined) return undefined
  const said = sizeOfName(text)
  if (said === undefined) return undefined
  // Its state says the size of types that have no size of their own, and of any whether it is of objects.
  if (value.state === undefined) return { size: said, objects: text.startsWith('O') }
  const state = value.state.kind === 'tuple' ? value.state.items : undefined
  const [size, flags] = [numberOf(state?.[5]), numberOf(state?.[7])]
  if (
    state === undefined ||
    state.length < 8 ||
    state.length > 9 ||
    size === undefined ||
    flags === undefined
  ) {
    return undefined
  }
  if (state[2]?.kind !== 'none' || (size !== said && size !== -1)) return undefined
  if (state[4]?.kind !== 'none' && !text.startsWith('V')) return undefined
  // NPY_ITEM_HASOBJECT
  const objects = (flags & 1) !== 0
  return objects === text.startsWith('O') || text.startsWith('V') ? { size: said, objects } : undefined
}

function sizeOfName(text: string): number | undefined {
  return /^O\d*$/.test(text) ? 8 : sizeOfNumpyType(text)
}
