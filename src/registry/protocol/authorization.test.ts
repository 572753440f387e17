import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBasic, parseBasic } from './authorization.ts'

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
