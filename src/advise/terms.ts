import type { InputName, Numbers } from './inputs.ts'

/** One summand of a cost: a number times inputs, each at most once, so that the cost is linear in each input. */
export interface Term {
  /** What takes the time or moves the bytes, for people. */
  readonly what: string
  readonly times: number
  readonly factors: readonly InputName[]
}

export type Terms = readonly Term[]

export function term(what: string, times: number, ...factors: InputName[]): Term {
  return { what, times, factors }
}

/** Every term times the same inputs. */
export function each(terms: Terms, ...factors: InputName[]): Terms {
  return terms.map((one) => ({ ...one, factors: [...one.factors, ...factors] }))
}

export function sumOf(terms: Terms, numbers: Numbers): number {
  return terms.reduce((sum, one) => sum + productOf(one, numbers), 0)
}

export function productOf({ times, factors }: Term, numbers: Numbers): number {
  return factors.reduce((product, name) => product * numbers[name], times)
}

/** The cost as `constant + slope * input`, all other inputs being as in `numbers`. */
export function lineIn(
  terms: Terms,
  input: InputName,
  numbers: Numbers,
): { readonly constant: number; readonly slope: number } {
  const without = terms.filter(({ factors }) => !factors.includes(input))
  const within = terms.filter(({ factors }) => factors.includes(input))
  const slope = sumOf(
    within.map((one) => ({ ...one, factors: one.factors.filter((name) => name !== input) })),
    numbers,
  )
  return { constant: sumOf(without, numbers), slope }
}
