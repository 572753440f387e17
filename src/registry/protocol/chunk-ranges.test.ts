import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatReceived, parseChunkRange } from './chunk-ranges.ts'

test('the Content-Range of a chunk has no unit, though some clients send one', () => {
  assert.deepEqual(parseChunkRange('0-1023'), { offset: 0, length: 1024 })
  assert.deepEqual(parseChunkRange('bytes 10-19/100'), { offset: 10, length: 10 })
  for (const wrong of ['', '5-4', '-5', '5-', 'a-b']) assert.equal(parseChunkRange(wrong), undefined)
})

test('what has arrived is never an empty range', () => {
  assert.equal(formatReceived(0), '0-0')
  assert.equal(formatReceived(10), '0-9')
})
