import assert from 'node:assert/strict'
import { test } from 'node:test'
import { divideMetrics } from './evaluation.ts'

const OLD = { version: 'm:1', names: ['m:prod', 'm', '/models/m-1', 'sha256:1'] }
const NEW = { version: 'm:2', names: ['m:latest', 'm', '/models/m-2', 'sha256:2'] }
const divide = (document: object, versions = [OLD, NEW]) =>
  divideMetrics({ ...document }, { versions, what: 'x.json' })

test('about several versions each has an object of its own, under whichever of its names', () => {
  for (const [a, b] of [
    ['m:1', 'm:2'],
    ['m:prod', '/models/m-2'],
    ['sha256:1', 'm:latest'],
  ] as const)
    assert.deepEqual(divide({ [b]: { f1: 2 }, [a]: { f1: 1 } }), [{ f1: 1 }, { f1: 2 }])
})

test('about a single version it is the metrics, or has them under a name', () => {
  for (const document of [{ f1: 1 }, { m: 1 }, { f1: 1, m: { f1: 2 } }, {}])
    assert.deepEqual(divide(document, [OLD]), [document])
  for (const name of ['m', 'm:1', '/models/m-1'])
    assert.deepEqual(divide({ [name]: { f1: 1 } }, [OLD]), [{ f1: 1 }])
})

test('what tells of a version twice, of none, or not at all is refused', () => {
  for (const [document, message] of [
    [{ 'm:1': { f1: 1 } }, /nothing about m:2/],
    [{ f1: 1 }, /"f1" is none of the versions/],
    [{ m: {}, 'm:1': {} }, /"m" is none of the versions/],
    [{ 'm:1': {}, 'm:2': 0.5 }, /under "m:2" is no object/],
    [{ 'm:1': {}, 'm:2': [] }, /under "m:2" is no object/],
    [{ 'm:1': {}, 'm:prod': {}, 'm:2': {} }, /"m:1" and "m:prod" are both m:1/],
  ] as const)
    assert.throws(() => divide(document), { code: 'USAGE', message, hint: /"m:1": \{…\}, "m:2"/ })
})
