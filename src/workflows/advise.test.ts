import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion, backdate, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import type { Advice } from '../advise/index.ts'
import type { Store } from '../store/index.ts'
import { adviceChanged } from './advice-changed.ts'
import { type AdviseRequest, advise } from './advise.ts'
import { factsOfModel } from './advise-model.ts'

const ACCESS = { dockerConfig: '/nonexistent' }

interface World {
  readonly store: Store
  readonly directory: string
  readonly ask: (request: Partial<AdviseRequest>) => ReturnType<typeof advise>
}

async function createWorld(t: TestContext): Promise<World> {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  return {
    store,
    directory,
    ask: (request) => advise(store, { flags: {}, directory, access: ACCESS, ...request }),
  }
}

function production({ environments }: Pick<Advice, 'environments'>): Advice['environments'][number] {
  const found = environments.find(({ environment }) => environment === 'production')
  assert.ok(found)
  return found
}

test('of a model of the store, size, pace and what an update changes are measured', async (t) => {
  const { store, ask } = await createWorld(t)
  const weights = (seed: string): string => seed.repeat(60_000)
  for (const [at, seed] of ['a', 'b', 'c'].entries()) {
    await addVersion(store, 'm', {
      'a.json': `${at}`,
      'tokenizer.txt': 't'.repeat(40_000),
      'weights.bin': weights(seed),
    })
  }
  await backdate(store, { name: 'm' }, [60, 40, 20])
  const { advice } = await ask({ subject: 'm' })
  assert.deepEqual(
    advice.environments.map(({ environment }) => environment),
    ['development', 'staging', 'production'],
  )
  const { modelBytes, modelUpdates, changedShare, nodes } = production(advice).inputs
  assert.deepEqual([modelBytes.value, modelBytes.origin], [100_001, 'measured'])
  assert.equal(modelUpdates.origin, 'measured')
  assert.ok(
    Math.abs(modelUpdates.value - 1) < 0.01 && modelUpdates.low < modelUpdates.value,
    'two moves in sixty days',
  )
  assert.ok(Math.abs(changedShare.value - 0.6) < 0.001)
  assert.equal(nodes.origin, 'assumed')
})

test('of a long history the first size and the last updates are told', async (t) => {
  const { store } = await createWorld(t)
  const sizes = Array.from({ length: 14 }, (_, at) => at + 1)
  for (const size of sizes) await addVersion(store, 'm', { 'weights.bin': 'x'.repeat(size) })
  const { growth } = await factsOfModel(store, 'm')
  assert.deepEqual(
    growth.map(({ bytes }) => bytes),
    [1, ...sizes.slice(-11)],
  )
})

test('a directory is measured without a store having been made, and a given figure goes before it', async (t) => {
  const { store, directory, ask } = await createWorld(t)
  await writeFiles(join(directory, 'models'), { 'w.bin': 'x'.repeat(5000) })
  const { advice } = await ask({ subject: join(directory, 'models'), flags: { updates: 'daily' } })
  assert.equal(production(advice).inputs.modelBytes.value, 5000)
  assert.deepEqual(await store.records.listNames(), [])
  const given = await ask({ subject: join(directory, 'models'), flags: { size: '2GB' } })
  assert.deepEqual(
    [production(given.advice).inputs.modelBytes.value, production(given.advice).inputs.modelBytes.origin],
    [2e9, 'given'],
  )
})

test('an application of ballast.yaml brings its model, its path, its image and whether it reloads', async (t) => {
  const { store, directory, ask } = await createWorld(t)
  await addVersion(store, 'sentiment:prod', { 'model.pkl': 'x'.repeat(9000) })
  const layout = join(directory, 'image')
  await writeImageLayout(layout, {
    tag: 'latest',
    layers: [[{ path: 'usr/lib.so', text: 'l'.repeat(4000) }], [{ path: 'app/serve.py', text: 'print()' }]],
  })
  const yaml = `apps:\n  api:\n    image: oci:${layout}:latest\n    models:\n      - { ref: sentiment:prod, path: /app/models }\n    reload: { http: POST http://localhost:8000/reload }\n`
  await writeFile(join(directory, 'ballast.yaml'), yaml)
  const { advice, warnings } = await ask({})
  assert.deepEqual(warnings, [])
  assert.equal(advice.subject, 'sentiment:prod')
  const { inputs, answers } = production(advice)
  assert.equal(answers.reload, true)
  assert.equal(inputs.imageBytes.origin, 'measured')
  assert.ok(inputs.imageBytes.value > 100 && inputs.imageBytes.value < 50_000)
})

test('an image that only ballast.yaml names may be missing; one that was asked about may not', async (t) => {
  const { store, directory, ask } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await writeFile(
    join(directory, 'ballast.yaml'),
    'apps:\n  api:\n    image: oci:./nowhere:1\n    models:\n      - { ref: m, path: /m }\n',
  )
  const { warnings } = await ask({ app: 'api' })
  assert.match(warnings.join(), /what the image is like is assumed/)
  await assert.rejects(ask({ subject: 'm', image: 'oci:./nowhere:1' }), { code: 'NOT_FOUND' })
  await assert.rejects(ask({ app: 'web' }), { code: 'NOT_FOUND', message: /no application web/ })
})

test('after a command it is said when the answer has become another, until it has been read', async (t) => {
  const { store, ask } = await createWorld(t)
  await addVersion(store, 'm', { f: '0' })
  await addVersion(store, 'm', { f: '1' })
  await backdate(store, { name: 'm' }, [20, 10])
  const told = (used: 'embed' | 'mount'): ReturnType<typeof adviceChanged> =>
    adviceChanged(store, { ref: 'm', used })
  assert.equal(await told('embed'), undefined, 'the first answer is no change')
  const days = [20, 19.8]
  for (let at = 2; at < 42; at++) {
    await addVersion(store, 'm', { f: `${at}` })
    days.push(20 - at * 0.45)
  }
  await backdate(store, { name: 'm' }, days)
  const changed = await told('embed')
  assert.deepEqual([changed?.before, changed?.after], ['embed', 'mount'])
  assert.equal((await told('embed'))?.after, 'mount', 'and again')
  assert.equal(await told('mount'), undefined, 'who does it already is not told')
  await ask({ subject: 'm', flags: { environment: 'staging' } })
  assert.equal((await told('embed'))?.after, 'mount', 'an answer about something else is not the one')
  await ask({ subject: 'm', flags: { environment: 'production', updates: 'yearly' } })
  assert.equal(await told('embed'), undefined, 'it has been read, whatever flags made of it')
})

test('nothing is said, and nothing fails, for a model without history or one that is not there', async (t) => {
  const { store } = await createWorld(t)
  await addVersion(store, 'm', { f: '0' })
  assert.equal(await adviceChanged(store, { ref: 'm', used: 'embed' }), undefined)
  assert.equal(await adviceChanged(store, { ref: 'other', used: 'embed' }), undefined)
})
