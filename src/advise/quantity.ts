/** Where a figure comes from: seen here, said by the user, or neither. */
export type Origin = 'measured' | 'given' | 'assumed'

/** A figure with the range in which it may lie; `low <= value <= high`, none of them negative. */
export interface Quantity {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly origin: Origin
  /** What it was read from or why it is assumed, for people. */
  readonly from: string
}

/** `spread` widens it to both sides by a factor: 1.25 is a quarter more and a fifth less. */
export function measured(value: number, from: string, spread = 1): Quantity {
  return { value, low: value / spread, high: value * spread, origin: 'measured', from }
}

export function given(
  value: number,
  from: string,
  [low, high]: readonly [number, number] = [value, value],
): Quantity {
  return { value, low, high, origin: 'given', from }
}

export function assumed(value: number, [low, high]: readonly [number, number], from: string): Quantity {
  return { value, low, high, origin: 'assumed', from }
}

export function isUncertain({ low, high }: Quantity): boolean {
  return low < high
}
