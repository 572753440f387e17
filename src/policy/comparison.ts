/** A bound of a figure: `>=0.9`. */
export interface Comparison {
  readonly operator: Operator
  readonly value: number
}

export const OPERATORS = ['>=', '<=', '!=', '>', '<', '='] as const
export type Operator = (typeof OPERATORS)[number]

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** `>=0.9`, `<120`, `=1`; undefined for anything else. */
export function parseComparison(text: string): Comparison | undefined {
  const [, operator = '', rest = ''] = /^\s*(>=|<=|!=|==|>|<|=)\s*(\S+)\s*$/.exec(text) ?? []
  const value = numberIn(rest)
  if (operator === '' || value === undefined) return undefined
  return { operator: operator === '==' ? '=' : (operator as Operator), value }
}

/** A finite number as people write it; undefined for anything else. */
export function numberIn(text: string): number | undefined {
  const value = NUMBER.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

export function formatComparison({ operator, value }: Comparison): string {
  return `${operator}${value}`
}

export function holds(figure: number, { operator, value }: Comparison): boolean {
  return compare(figure, operator, value)
}

/** Of two numbers or two texts, the latter by their code units. */
export function compare<T extends number | string>(a: T, operator: Operator, b: T): boolean {
  switch (operator) {
    case '>=':
      return a >= b
    case '<=':
      return a <= b
    case '!=':
      return a !== b
    case '>':
      return a > b
    case '<':
      return a < b
    case '=':
      return a === b
  }
}
