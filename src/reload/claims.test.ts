import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../core/index.ts'
import { wordOf } from './claims.ts'
import { fillIn, namesVersion } from './plan.ts'

const digest = digestOf('a version')
const other = digestOf('another one')
const version = { model: 'sentiment', digest, number: 3, name: 'sentiment' }
const said = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  wordOf(
    { text: typeof body === 'string' ? body : JSON.stringify(body), header: (name) => headers[name] ?? null },
    version,
  )

test('an answer is believed when it names the version', () => {
  assert.equal(said({ digest }), 'serves')
  assert.equal(said({ number: 3 }), 'serves')
  assert.equal(said({ version: 'sentiment:3' }), 'serves')
  assert.equal(said({ ready: true, model: { model: 'sentiment', digest, number: 3 } }), 'serves')
  assert.equal(said({ digest: other, variants: [{ name: 'canary', digest }] }), 'serves')
  assert.equal(said({ models: [{ digest: other }, { digest }] }), 'serves')
  assert.equal(said(`version ${digest} is up`), 'serves')
  assert.equal(said({ models: [{ model: 'faces', digest: other, number: 1 }, { number: 3 }] }), 'serves')
  assert.equal(said('ok', { 'x-model-version': '3' }), 'serves')
  assert.equal(said('ok', { 'x-model-digest': digest }), 'serves')
})

test('an answer that names another version is no proof, whatever else it says', () => {
  assert.equal(said({ digest: other }), 'another')
  assert.equal(said({ number: 2 }), 'another')
  assert.equal(said({ digest: other, number: 3 }), 'another', 'numbers are those of one store')
  assert.equal(said({ ready: true, number: 2 }, { 'x-model-version': 'sentiment:2' }), 'another')
  assert.equal(said({ number: 2, wanted: digest }), 'another')
})

test('an answer that names none is told as such', () => {
  for (const body of [
    '',
    'ok',
    '3',
    { status: 'ok' },
    { version: '1.2.3' },
    { workers: { number: 3 } },
    [],
  ]) {
    assert.equal(said(body), 'untold', JSON.stringify(body))
  }
  assert.equal(said({ model: 'faces', digest: other, number: 3 }), 'untold', 'that is of another model')
  assert.equal(said({ status: 'ok', note: `waiting for ${digest}` }), 'untold')
})

test('what an application says that it could not load is refused', () => {
  const refused = [{ model: 'sentiment', digest, number: 3 }]
  assert.deepEqual(said({ ready: true, digest: other, refused, problem: 'no such layer' }), {
    refused: 'no such layer',
  })
  assert.equal(said({ ready: true, digest, refused: [{ digest: other }] }), 'serves')
})

test('TF Serving serves what is AVAILABLE', () => {
  const status = (state: string, version = '3', error = 'OK') => ({
    model_version_status: [{ version, state, status: { error_code: error, error_message: 'no signature' } }],
  })
  assert.equal(said(status('AVAILABLE')), 'serves')
  assert.equal(said(status('LOADING')), 'another')
  assert.equal(said(status('AVAILABLE', '2')), 'another')
  assert.deepEqual(said(status('END', '3', 'INTERNAL')), { refused: 'no signature' })
})

test('a call that asks for the version by name is about that version', () => {
  const call = 'GET http://localhost:8000/v2/models/{model}/versions/{number}/ready'
  assert.ok(namesVersion(call))
  assert.ok(!namesVersion('POST http://localhost:8000/v2/repository/models/{model}/load'))
  assert.equal(fillIn(call, version), 'GET http://localhost:8000/v2/models/sentiment/versions/3/ready')
})
