import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMemoryStorage } from '../../test/doubles/memory-storage.ts'
import { writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { startProcess } from '../../test/fixtures/processes.ts'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { startRegistry } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { add } from './add.ts'
import { embed } from './embed.ts'
import { mount } from './mount.ts'
import { MOST_TIMES, readTimes, rememberTime } from './run-times.ts'

const GIB = 2 ** 30

test('a store without times has none, and reading them creates nothing', async (t) => {
  const store = await temporaryStore(t)
  assert.deepEqual(await readTimes(store), [])
  await assert.rejects(readdir(store.root), { code: 'ENOENT' })
})

test('times come back by step, the oldest first', async (t) => {
  const store = await temporaryStore(t)
  await rememberTime(store, { step: 'upload', bytes: GIB, seconds: 9, overNetwork: true })
  await rememberTime(store, { step: 'hash', bytes: GIB, seconds: 2 })
  await rememberTime(store, { step: 'hash', bytes: 2 * GIB, seconds: 3, overNetwork: false })
  assert.deepEqual(await readTimes(store), [
    { step: 'hash', bytes: GIB, seconds: 2 },
    { step: 'hash', bytes: 2 * GIB, seconds: 3 },
    { step: 'upload', bytes: GIB, seconds: 9, overNetwork: true },
  ])
})

test('nothing is kept of what is too small to tell anything, or took no time', async (t) => {
  const store = await temporaryStore(t)
  await rememberTime(store, { step: 'hash', bytes: 1000, seconds: 1 })
  await rememberTime(store, { step: 'hash', bytes: GIB, seconds: 0 })
  await rememberTime(store, { step: 'hash', bytes: Number.NaN, seconds: 1 })
  assert.deepEqual(await readTimes(store), [])
})

test('the newest of each step are kept', async (t) => {
  const store = await temporaryStore(t)
  await rememberTime(store, { step: 'pull', bytes: GIB, seconds: 1 })
  for (let at = 0; at <= MOST_TIMES; at++)
    await rememberTime(store, { step: 'hash', bytes: GIB + at, seconds: 1 })
  const times = await readTimes(store)
  const hashed = times.filter(({ step }) => step === 'hash')
  assert.deepEqual([hashed.length, hashed[0]?.bytes], [MOST_TIMES, GIB + 1])
  assert.equal(times.length, MOST_TIMES + 1)
})

test('several processes keep theirs at once: what is there is always whole, and little is lost', async (t) => {
  const store = await temporaryStore(t)
  const processes = ['1', '2', '3'].map((seconds) =>
    startProcess(t, 'remember-times', [store.root, seconds, '12']),
  )
  await Promise.all(processes.map(({ ended }) => ended))
  const times = await readTimes(store)
  const own = (seconds: number): number => times.filter((one) => one.seconds === seconds).length
  assert.equal(times.length, own(1) + own(2) + own(3))
  for (const seconds of [1, 2, 3]) assert.ok(own(seconds) >= 6 && own(seconds) <= 12, `${own(seconds)}`)
})

test('what somebody has written into it is left out, and does not keep new times away', async (t) => {
  const store = await temporaryStore(t)
  await rememberTime(store, { step: 'hash', bytes: GIB, seconds: 1 })
  const [name = ''] = await readdir(kept(store))
  for (const text of ['', '{', '[]', '{"entries":[{"at":1,"bytes":"2","seconds":3},null,{"at":-1}]}']) {
    await writeFile(join(kept(store), name), text)
    assert.deepEqual(await readTimes(store), [])
    await rememberTime(store, { step: 'hash', bytes: GIB, seconds: 2 })
    assert.deepEqual(await readTimes(store), [{ step: 'hash', bytes: GIB, seconds: 2 }])
  }
})

test('a place that cannot be written to fails nothing', async (t) => {
  const store = await temporaryStore(t)
  await (await store.begin()).close()
  await writeFile(kept(store), 'a file where the directory would be').catch(async () => {
    await writeFiles(join(store.root, 'ballast'), {
      'cache/run-times': 'a file where the directory would be',
    })
  })
  await rememberTime(store, { step: 'hash', bytes: GIB, seconds: 1 })
  assert.deepEqual(await readTimes(store), [])
  assert.match(await readFile(kept(store), 'utf8'), /a file/)
})

test('adding and mounting keep what they took; what delivers nothing or links does not', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const bytes = 3 * 2 ** 20
  await writeFiles(join(directory, 'model'), { 'weights.bin': createRandom('times').bytes(bytes) })
  await add(store, { name: 'm', sources: [join(directory, 'model')] })
  const target = join(directory, 'target')
  await mount(store, { ref: 'm', target })
  await mount(store, { ref: 'm', target })
  await mount(store, { ref: 'm', target: `${target}-linked`, link: true })
  const times = await readTimes(store)
  const seen = times.map((one) => [one.step, one.bytes, one.seconds > 0 && one.seconds < 60])
  assert.deepEqual(seen, [
    ['hash', bytes, true],
    ['deliver', bytes, true],
  ])
})

test('an embed into a registry keeps what it took, one into a layout is no step of any way', async (t) => {
  const store = await temporaryStore(t)
  const directory = await temporaryDirectory(t)
  const bytes = 2 * 2 ** 20
  await writeFiles(join(directory, 'model'), { 'weights.bin': createRandom('times').bytes(bytes) })
  await add(store, { name: 'm', sources: [join(directory, 'model')], move: true })
  const layout = join(directory, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const request = {
    models: ['m=/app/models'],
    image: `oci:${layout}:base`,
    access: { dockerConfig: '/nonexistent' },
  }
  await embed(store, { ...request, result: `oci:${layout}:with` })
  assert.deepEqual(await readTimes(store), [])
  const registry = await startRegistry({ storage: createMemoryStorage() })
  t.after(() => registry.close())
  const result = `${registry.host}/app:1`
  const { bytesSent } = await embed(store, { ...request, result })
  // All of it is there now: nothing is sent, and nothing kept.
  await embed(store, { ...request, image: result, result })
  const times = await readTimes(store)
  assert.deepEqual(
    times.map(({ step, bytes, overNetwork }) => ({ step, bytes, overNetwork })),
    [{ step: 'upload', bytes: bytesSent, overNetwork: undefined }],
  )
})

function kept(store: Store): string {
  return join(store.root, 'ballast', 'cache', 'run-times')
}
