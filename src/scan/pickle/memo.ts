import type { Value } from './values.ts'

/** The memo of a pickle: values by number, in most pickles counted up from 0. */
export interface Memo {
  get(index: number): Value | undefined
  /** False where there is no room for more. */
  set(index: number, value: Value): boolean
  /** How many numbers have a value. */
  size(): number
}

const MOST_DENSE = 16_000_000
const MOST_SPARSE = 1_000_000

/** What is in `below` can be got too, and hidden, but does not change. */
export function createMemo(below?: Memo): Memo {
  const dense: Value[] = []
  const sparse = new Map<number, Value>()
  let size = below?.size() ?? 0
  const own = (index: number): Value | undefined => dense[index] ?? sparse.get(index)
  return {
    get: (index) => own(index) ?? below?.get(index),
    set(index, value) {
      if (own(index) === undefined && below?.get(index) === undefined) size++
      if (sparse.has(index)) sparse.set(index, value)
      else if (index <= dense.length) {
        if (index >= MOST_DENSE) return false
        dense[index] = value
      } else {
        if (sparse.size >= MOST_SPARSE) return false
        sparse.set(index, value)
      }
      return true
    },
    size: () => size,
  }
}
