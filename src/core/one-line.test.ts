import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneLine } from './one-line.ts'

test('what could move a cursor or begin a line is a space, and what is long is cut visibly', () => {
  assert.equal(oneLine(' a\u001b[31m\r\n\u009bb\u2028c '), 'a [31m b c')
  assert.equal(oneLine('abcd', 3), 'abc…')
  assert.equal(oneLine('abc', 3), 'abc')
  assert.equal(oneLine('\n'), '')
})
