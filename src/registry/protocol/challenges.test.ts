import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Challenge, parseChallenges } from './challenges.ts'

const CASES: readonly (readonly [readonly string[], readonly Challenge[]])[] = [
  [['Basic realm="a, b"'], [{ scheme: 'basic', parameters: { realm: 'a, b' } }]],
  [
    [
      'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push", Basic realm=x',
      'Negotiate',
    ],
    [
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.example/token',
          service: 'reg',
          scope: 'repository:a/b:pull,push',
        },
      },
      { scheme: 'basic', parameters: { realm: 'x' } },
      { scheme: 'negotiate', parameters: {} },
    ],
  ],
  [['BEARER Realm = "x" , SERVICE=y'], [{ scheme: 'bearer', parameters: { realm: 'x', service: 'y' } }]],
  [
    ['Negotiate dGVzdA==, Bearer realm="x"'],
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'bearer', parameters: { realm: 'x' } },
    ],
  ],
  [
    ['Negotiate, NTLM, Basic realm="say \\"Bearer realm=evil\\""'],
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'ntlm', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'say "Bearer realm=evil"' } },
    ],
  ],
  [['Bearer realm="a",realm="b"'], [{ scheme: 'bearer', parameters: { realm: 'a' } }]],
  [['Bearer realm=https://x/t?a=b'], [{ scheme: 'bearer', parameters: { realm: 'https://x/t?a=b' } }]],
  [[', ,, Basic realm=""'], [{ scheme: 'basic', parameters: { realm: '' } }]],
  [['', ' , '], []],
]

for (const [values, challenges] of CASES) {
  test(`challenges in ${JSON.stringify(values)}`, () => {
    assert.deepEqual(parseChallenges(values), challenges)
  })
}

const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/)
const challenge = fc.record({
  scheme: token,
  parameters: fc.uniqueArray(fc.tuple(token, fc.string({ maxLength: 20 })), {
    minLength: 1,
    maxLength: 4,
    selector: ([name]) => name.toLowerCase(),
  }),
})

test('what is written as RFC 9110 says is read again, in one header or in many', () => {
  const inherited = (name: string): boolean => name in {}
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), fc.boolean(), (challenges, together) => {
      fc.pre(!challenges.some(({ parameters }) => parameters.some(([name]) => inherited(name.toLowerCase()))))
      const values = challenges.map(({ scheme, parameters }) => {
        const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
        return `${scheme} ${parameters.map(([name, value]) => `${name}=${quote(value)}`).join(', ')}`
      })
      const expected = challenges.map(({ scheme, parameters }) => ({
        scheme: scheme.toLowerCase(),
        parameters: Object.fromEntries(parameters.map(([name, value]) => [name.toLowerCase(), value])),
      }))
      assert.deepEqual(parseChallenges(together ? [values.join(', ')] : values), expected)
    }),
  )
})

test('nothing that a server may send makes it fail or take long', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...' ,="\\aB:/-\t'), maxLength: 4000 }), (text) => {
      const since = performance.now()
      for (const { scheme } of parseChallenges([text])) assert.match(scheme, /^[\w!#$%&'*+.^`|~-]+$/)
      assert.ok(performance.now() - since < 1000)
    }),
  )
  for (const text of ['a="'.repeat(5000), 'a '.repeat(8000), 'a'.repeat(16000), 'a=\\"'.repeat(4000)]) {
    const since = performance.now()
    parseChallenges([text])
    assert.ok(performance.now() - since < 1000, text.slice(0, 8))
  }
})
