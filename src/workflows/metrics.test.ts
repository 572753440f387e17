import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { type Json, parseMetrics } from '../model/index.ts'
import { add } from './add.ts'
import { diff } from './diff.ts'
import { list } from './list.ts'
import { attachMetrics, attachMetricsFile } from './metrics.ts'
import { show } from './show.ts'

test('metrics are shown with their version, compared by diff, and change nothing', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const digests: string[] = []
  for (const text of ['1', '2']) {
    await writeFiles(directory, { w: text })
    digests.push((await add(store, { name: 'm', sources: [join(directory, 'w')] })).digest)
  }
  const attach = (...measured: readonly (readonly [ref: string, metrics: Json])[]): Promise<unknown> =>
    attachMetrics(store, { measured: measured.map(([ref, metrics]) => ({ ref, metrics })), by: 'run' })
  await attach(['m:1', { accuracy: 0.5, classes: [1, 2], loss: { train: 1.5 } }])
  await attach(['m:1', { accuracy: 0.75 }], ['m:2', { accuracy: 0.9, f1: 0.8 }])
  const shown = await show(store, 'm:1')
  assert.equal(shown.digest, digests[0])
  assert.deepEqual(
    shown.metrics.map(({ by, metrics }) => [by, metrics.accuracy]),
    [
      ['run', 0.5],
      ['run', 0.75],
    ],
  )
  assert.deepEqual(
    shown.metrics.map(({ beside }) => beside),
    [[], ['m:2']],
  )
  assert.deepEqual((await diff(store, ['m:1', 'm:2'], { access: { dockerConfig: '' } })).metrics, [
    { name: 'accuracy', before: 0.75, after: 0.9 },
    { name: 'loss.train', before: 1.5, after: undefined },
    { name: 'f1', before: undefined, after: 0.8 },
  ])
  assert.deepEqual(
    (await list(store)).map(({ figures }) => figures),
    [
      { accuracy: 0.75, 'loss.train': 1.5 },
      { accuracy: 0.9, f1: 0.8 },
    ],
  )
  assert.deepEqual((await store.verify()).problems, [])
  assert.equal((await store.gc()).removed.length, 0)
  const missing = attach(['m:1', { accuracy: 1 }], ['m:3', { accuracy: 1 }])
  await assert.rejects(missing, (error) => isBallastError(error, 'NOT_FOUND'))
  assert.equal((await show(store, 'm:1')).metrics.length, 2, 'all or none')
})

test('a file of metrics is attached as it is; one that is not there is not found', async (t) => {
  const store = await temporaryStore(t)
  const directory = await writeFiles(await temporaryDirectory(t), { w: '', 'm.json': '{"f1":0.5}' })
  await add(store, { name: 'm', sources: [join(directory, 'w')] })
  assert.equal((await attachMetricsFile(store, { ref: 'm', file: join(directory, 'm.json') })).ref, 'm:1')
  assert.deepEqual((await show(store, 'm')).metrics[0]?.metrics, { f1: 0.5 })
  const absent = attachMetricsFile(store, { ref: 'm', file: join(directory, 'absent') })
  await assert.rejects(absent, { code: 'NOT_FOUND' })
})

test('what is no JSON object is no metrics', () => {
  assert.deepEqual(parseMetrics(Buffer.from('{"a":1}'), 'x.json'), { a: 1 })
  for (const text of ['', '[1]', '1', `{"a":"${'x'.repeat(600_000)}"}`])
    assert.throws(() => parseMetrics(Buffer.from(text), 'x.json'), { code: 'USAGE' })
})
