import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBasic, parseBasic, parseChallenges } from './authorization.ts'

test('Basic authorization there and back, colons and other letters included', () => {
  for (const credentials of [
    { username: 'ann', password: 'secret' },
    { username: 'ann', password: 'with:colon' },
    { username: 'änn', password: '' },
  ]) {
    assert.deepEqual(parseBasic(formatBasic(credentials)), credentials)
  }
})

test('anything else is no Basic authorization', () => {
  for (const header of [undefined, '', 'Basic', 'Bearer abc', 'Basic !!!', 'Basic YWJj']) {
    assert.equal(parseBasic(header), undefined, header)
  }
})

test('challenges, one or several in a header', () => {
  assert.deepEqual(parseChallenges(['Basic realm="a, b"']), [
    { scheme: 'basic', parameters: { realm: 'a, b' } },
  ])
  assert.deepEqual(
    parseChallenges([
      'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push", Basic realm=x',
      'Negotiate',
    ]),
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
  )
})
