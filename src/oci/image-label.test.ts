import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, isBallastError } from '../core/index.ts'
import { type EmbeddedModel, MODELS_LABEL, readLabel, writeLabel } from './image-label.ts'

type Json = Record<string, unknown>

const MODEL: EmbeddedModel = {
  name: 'sentiment',
  model: 'team/sentiment',
  digest: digestOf('version'),
  number: 3,
  reference: 'team/sentiment:prod',
  path: '/app/models',
  layers: [digestOf('m')],
}

test('the label: absent, written, removed, newer, malformed', () => {
  assert.deepEqual(readLabel({}), [])
  assert.deepEqual(readLabel({ config: { Labels: null } }), [])
  const config = writeLabel({ config: null, other: 1 }, [MODEL])
  assert.deepEqual(readLabel(config), [MODEL])
  assert.equal(
    ((config.config as Json).Labels as Json)[MODELS_LABEL],
    `{"version":1,"models":[{"name":"sentiment","model":"team/sentiment","digest":"${MODEL.digest}","number":3,` +
      `"reference":"team/sentiment:prod","path":"/app/models","layers":["${MODEL.layers[0]}"]}]}`,
  )
  assert.deepEqual(writeLabel(config, []), { config: { Labels: {} }, other: 1 })
  assert.deepEqual(writeLabel({ a: 1 }, []), { a: 1 })
  const labelled = (text: unknown): Json => ({ config: { Labels: { [MODELS_LABEL]: text } } })
  assert.throws(() => readLabel(labelled('{"version":2}')), code('REFUSED'))
  for (const text of ['', '{}', 7, '{"version":1,"models":[{}]}', '{"version":1}'.slice(0, 5)]) {
    assert.throws(() => readLabel(labelled(text)), code('DAMAGED'), String(text))
  }
})

function code(expected: string): (error: unknown) => boolean {
  return (error) => isBallastError(error) && error.code === expected
}
