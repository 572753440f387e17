import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keepSecret, redact } from './redact.ts'

const cases: readonly (readonly [string, string])[] = [
  ['https://user:secret@host/path', 'https://***@host/path'],
  ['https://token@host', 'https://***@host'],
  ['see https://u:p@a/ and s3://k:s@b/c', 'see https://***@a/ and s3://***@b/c'],
  ['https://user:se@cret@host/x', 'https://***@host/x'],
  ['https://host/path?mail=a@b', 'https://host/path?mail=a@b'],
  ['https://host?mail=a@b', 'https://host?mail=a@b'],
  ['sentiment@sha256:abc', 'sentiment@sha256:abc'],
  ['Authorization: Bearer abc.def', 'Authorization: Bearer ***'],
  ['authorization: Basic dTpw\nnext', 'authorization: Basic ***\nnext'],
  ['nothing to hide', 'nothing to hide'],
]

for (const [text, redacted] of cases) {
  test(`${JSON.stringify(text)} is shown as ${JSON.stringify(redacted)}`, () => {
    assert.equal(redact(text), redacted)
  })
}

test('no password of a URL is left, whatever stands around it', () => {
  const part = fc.stringMatching(/^[a-z0-9:@!$&*+,;=._~-]{1,12}$/)
  fc.assert(
    fc.property(fc.string(), part, (before, user) => {
      const redacted = redact(`${before} https://${user}:S3CRET@registry/x`)
      assert.ok(!redacted.includes('S3CRET'))
      assert.ok(redacted.endsWith('@registry/x'))
    }),
  )
})

test('signatures and tokens in a query are hidden, and nothing else of it', () => {
  const url = 'https://b.s3.example/key?X-Amz-Signature=abc123&part=2&sig=zzz&access_token=t0p'
  assert.equal(redact(url), 'https://b.s3.example/key?X-Amz-Signature=***&part=2&sig=***&access_token=***')
})

test('a secret that is kept is hidden as it is, and as URLs and JSON have it', () => {
  const secret = 'p&ss "w0rd"/1'
  keepSecret(secret)
  const json = JSON.stringify({ password: secret })
  const text = `it was ${secret}; ?p=${encodeURIComponent(secret)}; ${json}`
  assert.equal(redact(text), 'it was ***; ?p=***; {"password":"***"}')
})

test('control characters are not passed on to a terminal, lines are', () => {
  assert.equal(redact('a\u001b[2Jb\u009bc\r\nd\te\u0000'), 'a?[2Jb?c?\nd\te?')
})

test('a kept secret hides what holds it, and short ones hide nothing', () => {
  keepSecret('inner-secret')
  keepSecret('outer-inner-secret-outer')
  keepSecret('a')
  assert.equal(redact('an outer-inner-secret-outer'), 'an ***')
})
