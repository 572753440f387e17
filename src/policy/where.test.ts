import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBallastError } from '../core/index.ts'
import { type Condition, type FieldReader, matches, parseWhere, type WhereOperator } from './where.ts'

const FIELDS: Readonly<Record<string, readonly (string | number)[]>> = {
  'metric.accuracy': [0.93],
  'meta.license': ['mit'],
  tag: ['latest', 'prod'],
  bytes: [3 * 2 ** 30],
  parameters: [7.24e9],
  'meta.epochs': ['12'],
}
const read: FieldReader = (field) => FIELDS[field] ?? []
const isTrue = (text: string): boolean => matches(parseWhere(text), read)

test('versions are chosen by what is known of them', () => {
  for (const text of [
    'metric.accuracy>0.9',
    'metric.accuracy >= 0.93 and tag = prod',
    'tag=staging or tag=prod',
    'not tag=staging',
    'tag!=staging',
    'meta.license',
    'not meta.author',
    'meta.license ~ IT',
    "meta.license = 'mit'",
    'bytes>2GiB and bytes<4GiB',
    'parameters>=7B',
    'meta.epochs > 9',
    'metric.loss != 1',
    '(tag=a or tag=prod) AND NOT (meta.license=gpl)',
    'tag=a or tag=prod and metric.accuracy>0.9',
  ]) {
    assert.ok(isTrue(text), text)
  }
  for (const text of [
    'metric.accuracy>0.93',
    'metric.loss<1',
    'metric.loss>1',
    'tag=prod and tag=staging',
    'tag!=prod',
    'meta.author',
    'metric.accuracy=mit',
    'not (tag=prod or tag=a)',
  ]) {
    assert.ok(!isTrue(text), text)
  }
})

test('what is no condition is refused where it goes wrong', () => {
  for (const [text, why] of [
    ['', /ends too early/],
    ['metric.accuracy >', /ends too early/],
    ['(tag=prod', /ends too early/],
    ['tag=prod)', /"\)" is not expected/],
    ['tag prod', /"prod" is not expected/],
    ['> 3', /">" is not expected/],
    ['tag="prod', /is not understood/],
    [`${'('.repeat(100)}tag`, /nested too deeply/],
    ['x'.repeat(5000), /too long/],
  ] as const) {
    assert.throws(
      () => parseWhere(text),
      (error) => isBallastError(error, 'USAGE') && why.test(error.message),
      text,
    )
  }
})

const field = fc
  .stringMatching(/^[a-z][a-z0-9._-]{0,8}$/)
  .filter((text) => !['and', 'or', 'not'].includes(text))
const operator = fc.constantFrom<WhereOperator>('>=', '<=', '!=', '>', '<', '=', '~')
const condition: fc.Arbitrary<Condition> = fc.letrec<{ any: Condition }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.record({ kind: fc.constant('has' as const), field }),
    fc.record({ kind: fc.constant('compare' as const), field, operator, value: fc.string({ maxLength: 8 }) }),
    fc.record({ kind: fc.constant('not' as const), of: tie('any') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      all: fc.array(tie('any'), { minLength: 2, maxLength: 3 }),
    }),
  ),
})).any

test('a condition that is written is read as the same one', () => {
  fc.assert(
    fc.property(condition, (one) => assert.deepEqual(parseWhere(formatWhere(one)), structuredClone(one))),
  )
})

test('any text is a condition or is refused, and whatever is one is true or false of any version', () => {
  const texts = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom('and', 'or', 'not', '(', ')', 'tag', '=', '"', "'", '~', '1', ' '), {
        maxLength: 30,
      })
      .map((all) => all.join('')),
  )
  fc.assert(
    fc.property(texts, fc.array(fc.oneof(fc.string(), fc.double())), (text, values) => {
      try {
        assert.equal(typeof matches(parseWhere(text), () => values), 'boolean')
      } catch (error) {
        assert.ok(isBallastError(error, 'USAGE'))
      }
    }),
  )
})

test('not, and, or keep their laws', () => {
  fc.assert(
    fc.property(condition, condition, (a, b) => {
      const [x, y] = [matches(a, read), matches(b, read)]
      assert.equal(matches({ kind: 'not', of: a }, read), !x)
      assert.equal(matches({ kind: 'and', all: [a, b] }, read), x && y)
      assert.equal(matches({ kind: 'or', all: [a, b] }, read), x || y)
    }),
  )
})

/** As it is written: parsed again it is the same condition. */
function formatWhere(condition: Condition): string {
  switch (condition.kind) {
    case 'has':
      return quoteUnlessPlain(condition.field)
    case 'compare':
      return `${condition.field}${condition.operator}${quoteUnlessPlain(condition.value)}`
    case 'not':
      return `not ${inner(condition.of)}`
    default:
      return condition.all.map(inner).join(` ${condition.kind} `)
  }
}

function inner(condition: Condition): string {
  const text = formatWhere(condition)
  return condition.kind === 'and' || condition.kind === 'or' ? `(${text})` : text
}

const PLAIN = /^[^\s()<>=!~"'\\]+$/
const WORDS = ['and', 'or', 'not']

function quoteUnlessPlain(text: string): string {
  if (PLAIN.test(text) && !WORDS.includes(text.toLowerCase())) return text
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
