import { BallastError } from '../core/index.ts'
import { compare, numberIn, OPERATORS, type Operator } from './comparison.ts'

/** What `list --where` asks of each version. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly all: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'has'; readonly field: string }
  | {
      readonly kind: 'compare'
      readonly field: string
      readonly operator: WhereOperator
      readonly value: string
    }

export type WhereOperator = Operator | '~'

/** The values of a field, as several tags; none where the version has not got it. */
export type FieldReader = (field: string) => readonly (string | number)[]

/** Deeper ones are nobody's. */
const DEEPEST = 50
const LONGEST = 4096

/**
 * `metric.accuracy>0.9 and (meta.license=mit or not tag=prod)`: a field and a comparison, or a field alone for those that have
 * it; `~` is for texts that hold another one. Throws USAGE, showing where it goes wrong.
 */
export function parseWhere(text: string): Condition {
  if (text.length > LONGEST) throw wrong('it is too long')
  const tokens = tokensOf(text)
  let at = 0
  const next = (): Token | undefined => tokens[at]
  const take = (kind: Token['kind'], word?: string): Token | undefined => {
    const token = next()
    if (token?.kind !== kind || (word !== undefined && token.text.toLowerCase() !== word)) return undefined
    at++
    return token
  }
  const unexpected = (): BallastError => {
    const token = next()
    return wrong(
      token === undefined ? 'it ends too early' : `${JSON.stringify(token.text)} is not expected there`,
    )
  }

  function anyOf(depth: number): Condition {
    return series('or', () => allOf(depth))
  }
  function allOf(depth: number): Condition {
    return series('and', () => single(depth))
  }
  function series(kind: 'and' | 'or', read: () => Condition): Condition {
    const all = [read()]
    while (take('word', kind)) all.push(read())
    return all.length === 1 ? (all[0] as Condition) : { kind, all }
  }
  function single(depth: number): Condition {
    if (depth > DEEPEST) throw wrong('it is nested too deeply')
    if (take('word', 'not')) return { kind: 'not', of: single(depth + 1) }
    if (take('open')) {
      const inner = anyOf(depth + 1)
      if (!take('close')) throw unexpected()
      return inner
    }
    const field = take('word')?.text
    if (field === undefined) throw unexpected()
    const operator = take('operator')?.text
    if (operator === undefined) return { kind: 'has', field }
    const value = (take('word') ?? take('quoted'))?.text
    if (value === undefined) throw unexpected()
    return { kind: 'compare', field, operator: (operator === '==' ? '=' : operator) as WhereOperator, value }
  }

  const condition = anyOf(0)
  if (next() !== undefined) throw unexpected()
  return condition
}

/** What a version has not got compares with nothing; `!=` is true of all that are not equal, and of those without. */
export function matches(condition: Condition, read: FieldReader): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.all.every((one) => matches(one, read))
    case 'or':
      return condition.all.some((one) => matches(one, read))
    case 'not':
      return !matches(condition.of, read)
    case 'has':
      return read(condition.field).length > 0
    case 'compare': {
      const { operator, value, field } = condition
      const values = read(field)
      if (operator === '!=') return !values.some((one) => comparesTo(one, '=', value))
      return values.some((one) => comparesTo(one, operator, value))
    }
  }
}

/** The fields that a condition asks for. */
export function fieldsOf(condition: Condition): readonly string[] {
  if ('all' in condition) return condition.all.flatMap(fieldsOf)
  return 'of' in condition ? fieldsOf(condition.of) : [condition.field]
}

function comparesTo(one: string | number, operator: WhereOperator, value: string): boolean {
  if (operator === '~') return `${one}`.toLowerCase().includes(value.toLowerCase())
  const number = quantityIn(value)
  if (typeof one === 'number') return number !== undefined && compare(one, operator, number)
  const own = numberIn(one)
  if (own !== undefined && number !== undefined) return compare(own, operator, number)
  return compare(one, operator, value)
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
  ['tib', 2 ** 40],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['k', 1e3],
  ['m', 1e6],
  ['b', 1e9],
  ['t', 1e12],
])

/** `7`, `1.5GiB`, `7B` (parameters). */
function quantityIn(text: string): number | undefined {
  const [, number = '', unit = ''] = /^([^a-zA-Z]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(text) ?? []
  const factor = UNITS.get(unit.toLowerCase())
  const value = numberIn(number)
  return value === undefined || factor === undefined ? undefined : value * factor
}

interface Token {
  readonly kind: 'word' | 'quoted' | 'operator' | 'open' | 'close'
  readonly text: string
}

const TOKEN =
  /\s*(?:(?<operator>>=|<=|!=|==|[><=~])|(?<open>\()|(?<close>\))|"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>[^']*)'|(?<word>[^\s()<>=!~"']+))/gsy

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (text.slice(TOKEN.lastIndex).trim() !== '') {
    const from = TOKEN.lastIndex
    const groups = TOKEN.exec(text)?.groups
    if (groups === undefined)
      throw wrong(`${JSON.stringify(text.slice(from).trim().slice(0, 20))} is not understood`)
    const { operator, open, close, double, single, word } = groups
    if (operator !== undefined) tokens.push({ kind: 'operator', text: operator })
    else if (open !== undefined) tokens.push({ kind: 'open', text: open })
    else if (close !== undefined) tokens.push({ kind: 'close', text: close })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else tokens.push({ kind: 'quoted', text: single ?? (double ?? '').replace(/\\(.)/gs, '$1') })
  }
  return tokens
}

function wrong(why: string): BallastError {
  return new BallastError('USAGE', `the condition is not understood: ${why}`, {
    hint: `write a field and a comparison (${OPERATORS.join(' ')} ~), joined by and, or, not: --where 'metric.accuracy>0.9 and tag=prod'`,
  })
}
