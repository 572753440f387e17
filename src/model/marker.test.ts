import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../core/index.ts'
import { decodeMarker, encodeMarker } from './marker.ts'

const marker = { model: 'team/sentiment', digest: digestOf('x'), number: 3, reference: 'team/sentiment:prod' }

test('a marker reads back as it was written', () => {
  assert.deepEqual(decodeMarker(encodeMarker(marker)), marker)
})

test('fields of later versions are not in the way', () => {
  assert.deepEqual(decodeMarker(Buffer.from(JSON.stringify({ ...marker, later: true }))), marker)
})

test('anything else is no marker', () => {
  const texts = ['', 'x', '[]', 'null', '{}', JSON.stringify({ ...marker, digest: 'sha256:1' })]
  for (const text of texts) assert.equal(decodeMarker(Buffer.from(text)), undefined)
})
