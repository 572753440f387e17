import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../../core/index.ts'
import { checkRealm } from './realm.ts'

const PUBLIC = 'https://registry.example/'

function realm(base: string, text: string | undefined, hasLogin = true): string {
  return checkRealm(text, { base: new URL(base), host: new URL(base).host, hasLogin }).href
}

test('a login goes to a realm by https, at another host too, and by http only from loopback to loopback', () => {
  assert.equal(realm(PUBLIC, 'https://auth.example/token'), 'https://auth.example/token')
  assert.equal(realm(PUBLIC, 'https://u:p@auth.example/token#x'), 'https://auth.example/token')
  assert.equal(realm('http://localhost:5000', 'http://127.0.0.1:5001/t'), 'http://127.0.0.1:5001/t')
  assert.equal(realm('http://registry:5000', 'http://auth:5001/t', false), 'http://auth:5001/t')
  for (const [base, text] of [
    [PUBLIC, 'http://auth.example/token'],
    [PUBLIC, 'http://registry.example/token'],
    [PUBLIC, 'https://localhost/token'],
    [PUBLIC, 'file:///etc/passwd'],
    [PUBLIC, '/token'],
    [PUBLIC, ''],
    [PUBLIC, undefined],
    ['http://localhost:5000', 'http://auth.example/token'],
    ['http://registry:5000', 'http://registry:5000/token'],
    ['http://registry:5000', 'http://localhost:5001/token'],
  ] as const) {
    assert.throws(
      () => realm(base, text),
      (error) => isBallastError(error, 'UNAUTHORIZED') && error.hint !== undefined,
      `${base} ${text}`,
    )
  }
})

test('no token of anybody is asked for without TLS on behalf of a registry with TLS', () => {
  assert.throws(() => realm(PUBLIC, 'http://auth.example/token', false))
})
