import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, parseJsonValue } from './json.ts'

test('what can be read can be written again: deep nesting counts as no JSON', () => {
  const nested = (depth: number): Buffer => Buffer.from(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)
  assert.ok(parseJson(nested(499)))
  for (const depth of [500, 5000, 1_000_000]) assert.equal(parseJson(nested(depth)), undefined)
})

test('brackets inside of strings do not count', () => {
  const text = `${'{'.repeat(2000)}\\"[`
  assert.deepEqual(parseJson(Buffer.from(JSON.stringify({ text }))), { text })
})

test('objects, other values and what is no JSON', () => {
  assert.equal(parseJson(Buffer.from('[1]')), undefined)
  assert.deepEqual(parseJsonValue(Buffer.from('[1]')), [1])
  assert.equal(parseJsonValue(Buffer.from('[1]{')), undefined)
})
