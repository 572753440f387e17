import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../core/index.ts'
import {
  formatReference,
  hasVersion,
  lastPart,
  numberOfTag,
  parseName,
  parseReference,
  parseTag,
  splitReference,
} from './names.ts'

const DIGEST = digestOf('a manifest')

const GOOD: readonly (readonly [string, string])[] = [
  ['sentiment', 'sentiment:latest'],
  ['sentiment:prod', 'sentiment:prod'],
  ['sentiment:3', 'sentiment:3'],
  ['team/nlp/sentiment', 'team/nlp/sentiment:latest'],
  ['team/nlp/sentiment:V1.0_rc-2', 'team/nlp/sentiment:V1.0_rc-2'],
  ['a.b_c-d/e', 'a.b_c-d/e:latest'],
  ['0', '0:latest'],
  ['x:_', 'x:_'],
  [`x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
  [`sentiment@${DIGEST}`, `sentiment@${DIGEST}`],
  [`sentiment:prod@${DIGEST}`, `sentiment@${DIGEST}`],
  ['n'.repeat(200), `${'n'.repeat(200)}:latest`],
]

const BAD = [
  '',
  ':',
  ':prod',
  'sentiment:',
  'Sentiment',
  'senti ment',
  'sentiment/',
  '/sentiment',
  'a//b',
  'a..b',
  'a--b',
  'a__b',
  '-a',
  'a-',
  '.a',
  'a/.b',
  '../a',
  'größe',
  'a+b',
  'x:-tag',
  'x:.tag',
  'x:a/b',
  'x:a b',
  `x:${'t'.repeat(129)}`,
  'n'.repeat(201),
  'sentiment@',
  'sentiment@sha256:abc',
  'sentiment@latest',
  `sentiment@${DIGEST.toUpperCase()}`,
  `sentiment@${DIGEST}x`,
  `@${DIGEST}`,
  'a\nb',
]

for (const [text, formatted] of GOOD) {
  test(`${shown(text)} is a reference`, () => {
    assert.equal(formatReference(parseReference(text)), formatted)
  })
}

for (const text of BAD) {
  test(`${shown(text)} is no reference`, () => {
    assert.throws(() => parseReference(text), { code: 'USAGE' })
  })
}

test('every reference reads back as it was written', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,6}(?:[._-][a-z0-9]{1,6}){0,2}$/)
  const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/)
  const digest = fc.string().map((text) => digestOf(text))
  fc.assert(
    fc.property(
      name,
      fc.oneof(
        tag.map((t) => `:${t}`),
        digest.map((d) => `@${d}`),
      ),
      (name, version) => {
        const reference = parseReference(`${name}${version}`)
        assert.equal(formatReference(reference), `${name}${version}`)
        assert.deepEqual(parseReference(formatReference(reference)), reference)
        assert.equal(reference.name, name)
      },
    ),
  )
})

test('whatever is not a reference is refused with an explained error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseReference(text)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'USAGE')
      }
    }),
  )
})

test('a number is a tag of digits that does not begin with 0', () => {
  assert.deepEqual(
    ['1', '42', '999999999999999', '0', '007', '1.0', 'v1', '-1', '1e3', '', '1000000000000000'].map(
      numberOfTag,
    ),
    [1, 42, 999999999999999, ...Array.from({ length: 8 }, () => undefined)],
  )
})

test('a reference has a version when it names a tag or a digest', () => {
  assert.deepEqual(['a', 'a/b', 'a:1', `a@${DIGEST}`, 'host:5000/a'].map(hasVersion), [
    false,
    false,
    true,
    true,
    false,
  ])
})

test('the port of a host is not a tag', () => {
  assert.deepEqual(splitReference('host:5000/team/app'), { name: 'host:5000/team/app' })
  assert.deepEqual(splitReference('host:5000/team/app:1'), { name: 'host:5000/team/app', tag: '1' })
  assert.deepEqual(splitReference(`host:5000/app:1@${DIGEST}`), { name: 'host:5000/app', digest: DIGEST })
})

test('the last part of a name names its directory', () => {
  assert.equal(lastPart(parseName('team/nlp/sentiment')), 'sentiment')
  assert.equal(lastPart(parseName('sentiment')), 'sentiment')
})

test('tags are never paths', () => {
  for (const tag of ['..', '.', '.x', 'a/b', '', '/']) assert.throws(() => parseTag(tag), { code: 'USAGE' })
})

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text)
}
