import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { add } from './add.ts'
import { show } from './show.ts'

const RUN = 'ffd52001a5144e84899a4434663b3ef1'
const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const FILES = { 'model.pkl': 'weights', 'requirements.txt': 'mlflow==3.17.2\n' }

/** As mlflow 2 and 3 write it. */
function mlmodel(uuid: string): string {
  return [
    'flavors:',
    '  python_function:',
    '    loader_module: mlflow.sklearn',
    '    python_version: 3.11.7',
    '  sklearn:',
    '    pickled_model: model.pkl',
    `model_uuid: ${uuid}`,
    `run_id: ${RUN}`,
    "utc_time_created: '2026-11-26 14:49:10.951959'",
    '',
  ].join('\n')
}

const TRAINING = {
  tool: 'mlflow',
  run: RUN,
  model: 'a1b2',
  flavors: ['python_function', 'sklearn'],
  created: '2026-11-26T14:49:10.000Z',
}

const RECORD = {
  'meta.yaml': `run_id: ${RUN}\n`,
  'params/depth': '3',
  'tags/mlflow.source.git.commit': COMMIT,
  // As they are written: the steps may come in any order.
  'metrics/accuracy': '1795704550936 0.93 2\n1795704550935 0.9 1\n',
  'metrics/val/f1': '1795704550937 0.5 0\n',
  'metrics/val/loss': '1795704550937 nan 0\n',
}

test('what MLflow 2 keeps of a run is attached to the model that lies in it, once', async (t) => {
  const store = await temporaryStore(t)
  const run = join(await temporaryDirectory(t), 'mlruns/0', RUN)
  await writeFiles(run, RECORD)
  const source = await writeFiles(join(run, 'artifacts/deep/model'), { ...FILES, MLmodel: mlmodel('a1b2') })
  for (let i = 0; i < 2; i++) await add(store, { name: 'm', sources: [source] })
  const { files, lineage, metrics } = await show(store, 'm:1')
  assert.deepEqual(
    files.map(({ path }) => path),
    ['MLmodel', 'model.pkl', 'requirements.txt'],
  )
  assert.deepEqual(
    lineage.map(({ from, training }) => [from, training]),
    [[source, { ...TRAINING, commit: COMMIT, params: { depth: '3' } }]],
  )
  assert.deepEqual(metrics, [
    {
      time: new Date(1795704550937).toISOString(),
      by: 'mlflow',
      beside: [],
      run: undefined,
      metrics: { accuracy: 0.93, 'val/f1': 0.5 },
    },
  ])
})

test('of MLflow 3, what is kept of the model counts before that of its run', async (t) => {
  const store = await temporaryStore(t)
  const experiment = join(await temporaryDirectory(t), 'mlruns/0')
  await writeFiles(join(experiment, RUN), RECORD)
  const source = await writeFiles(join(experiment, 'models/m-1'), {
    'meta.yaml': 'model_id: m-1\n',
    'metrics/val/f1': `1795704550999 0.75 0 ${RUN}\n`,
    'artifacts/MLmodel': mlmodel('m-1'),
    'artifacts/model.pkl': 'weights',
  })
  await add(store, { name: 'm', sources: [join(source, 'artifacts')] })
  const { lineage, metrics } = await show(store, 'm:1')
  assert.equal(lineage[0]?.training?.commit, COMMIT)
  assert.deepEqual(metrics[0]?.metrics, { accuracy: 0.93, 'val/f1': 0.75 })
})

test('a model that was taken out of its run tells what MLmodel does', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const source = await writeFiles(join(directory, 'mlruns/0/run/artifacts/model'), {
    ...FILES,
    MLmodel: mlmodel('a1b2'),
  })
  await rename(source, join(directory, 'model'))
  await add(store, { name: 'm', sources: [join(directory, 'model')] })
  const { lineage, metrics } = await show(store, 'm:1')
  assert.deepEqual(lineage[0]?.training, TRAINING)
  assert.deepEqual(metrics, [])
})

for (const [what, text] of [
  ['of something else', 'name: other\n'],
  ['that is no YAML', 'flavors: {\n\tsklearn'],
  ['that is empty', ''],
] as const) {
  test(`a file MLmodel ${what} is a file like any other`, async (t) => {
    const store = await temporaryStore(t)
    const source = await writeFiles(await temporaryDirectory(t), { ...FILES, MLmodel: text })
    await add(store, { name: 'm', sources: [source] })
    const { files, lineage, metrics } = await show(store, 'm:1')
    assert.equal(files.length, 3)
    assert.deepEqual([lineage, metrics], [[], []])
  })
}

test('a run that MLmodel names by a path is not looked for', async (t) => {
  const store = await temporaryStore(t)
  const experiment = join(await temporaryDirectory(t), 'mlruns/0')
  await writeFiles(join(experiment, '../secret'), { ...RECORD, 'params/password': 'hunter2' })
  const source = await writeFiles(join(experiment, 'models/m-1'), {
    'meta.yaml': 'model_id: m-1\n',
    'artifacts/MLmodel': mlmodel('m-1').replace(RUN, '../secret'),
  })
  await add(store, { name: 'm', sources: [join(source, 'artifacts')] })
  const { lineage } = await show(store, 'm:1')
  assert.equal(lineage[0]?.training?.params, undefined)
})
