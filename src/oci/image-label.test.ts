import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, isBallastError } from '../core/index.ts'
import { directoryOf, type EmbeddedModel, MODELS_LABEL, readLabel, writeLabel } from './image-label.ts'

type Json = Record<string, unknown>

const MODEL: EmbeddedModel = {
  name: 'sentiment',
  model: 'team/sentiment',
  digest: digestOf('version'),
  number: 3,
  reference: 'team/sentiment:prod',
  path: '/app/models',
  layers: [digestOf('m')],
  position: 'top',
  realPath: false,
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

test('the position and the real path survive, are stated only where they are not the usual ones, and are checked', () => {
  const model: EmbeddedModel = { ...MODEL, position: 'bottom', realPath: true }
  const config = writeLabel({}, [model])
  assert.deepEqual(readLabel(config), [model])
  const text = ((config.config as Json).Labels as Json)[MODELS_LABEL] as string
  assert.match(text, /"layers":\[[^\]]*\],"position":"bottom","realPath":true\}/)
  for (const wrong of [text.replace('bottom', 'middle'), text.replace('"realPath":true', '"realPath":1')]) {
    const labelled = { config: { Labels: { [MODELS_LABEL]: wrong } } }
    assert.throws(() => readLabel(labelled), code('DAMAGED'), wrong)
  }
  assert.deepEqual([directoryOf(MODEL), directoryOf(model)], ['/models/sentiment', '/app/models'])
})

function code(expected: string): (error: unknown) => boolean {
  return (error) => isBallastError(error) && error.code === expected
}
