import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createMemoryStorage } from '../../test/doubles/memory-storage.ts'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn, temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { openRepository, startRegistry } from '../registry/index.ts'
import { measureHere } from './measure.ts'

/** No Engine is asked. */
const ACCESS = {
  dockerConfig: '/nonexistent',
  engine: { host: 'unix:///nonexistent.sock', dockerConfig: '/nonexistent' },
}

test('steps on this disk are timed, and nothing stays behind', async (t) => {
  const { store, directory } = await place(t)
  await (await store.begin()).close()
  const before = await pathsIn(store.root)
  const { observations, notes } = await measureHere({ store, access: ACCESS, directory, seconds: 3 })
  const steps = new Set(observations.map(({ step }) => step))
  assert.deepEqual([...steps].sort(), ['copy', 'deliver', 'hash'])
  for (const { bytes, seconds } of observations) {
    assert.ok(bytes >= 8 * 2 ** 20 && seconds > 0 && seconds < 60, `${bytes} in ${seconds} s`)
  }
  assert.ok(
    notes.some((note) => /no registry was named/.test(note)),
    notes.join('\n'),
  )
  assert.ok(
    notes.some((note) => /no Docker Engine answers/.test(note)),
    notes.join('\n'),
  )
  assert.deepEqual(await pathsIn(store.root), before)
  assert.deepEqual(await readdir(directory), [])
})

test('a store that is not there is not made', async (t) => {
  const { store, directory } = await place(t)
  const { observations } = await measureHere({ store, access: ACCESS, directory, seconds: 2 })
  assert.ok(observations.length > 0)
  await assert.rejects(readdir(store.root), { code: 'ENOENT' })
  assert.deepEqual(await readdir(directory), [])
})

test('the time that is given is kept', async (t) => {
  const { store, directory } = await place(t)
  for (const seconds of [0.2, 2]) {
    const started = performance.now()
    await measureHere({ store, access: ACCESS, directory, seconds })
    const took = (performance.now() - started) / 1000
    assert.ok(took < 3 * seconds + 5, `${took} s instead of ${seconds}`)
  }
})

test('a registry gets a model of each size, and has none of them in the end', async (t) => {
  const { store, directory } = await place(t)
  const registry = await startRegistry({ storage: createMemoryStorage() })
  t.after(() => registry.close())
  const repository = `${registry.host}/team/measure`
  const { observations, notes } = await measureHere({
    ...{ store, access: ACCESS, directory, seconds: 4 },
    registry: repository,
  })
  const uploads = observations.filter(({ step }) => step === 'upload')
  assert.ok(uploads.length > 0, notes.join('\n'))
  assert.ok(uploads.every(({ overNetwork }) => overNetwork !== true))
  assert.ok(
    notes.some((note) => /loopback is not your network/.test(note)),
    notes.join('\n'),
  )
  assert.ok(!notes.some((note) => /may be left/.test(note)), notes.join('\n'))
  const tags = await openRepository({ host: registry.host, name: 'team/measure' }).listTags()
  assert.deepEqual(tags, [])
})

test('a registry that does not answer is a note, and everything else is measured', async (t) => {
  const { store, directory } = await place(t)
  const registry = '127.0.0.1:9/team/measure'
  const { observations, notes } = await measureHere({
    store,
    access: ACCESS,
    directory,
    registry,
    seconds: 3,
  })
  assert.ok(observations.some(({ step }) => step === 'deliver'))
  assert.ok(
    notes.some((note) => /sending the new layers was not measured/.test(note)),
    notes.join('\n'),
  )
  assert.deepEqual(await readdir(directory), [])
})

test('what is no repository is refused before anything is made', async (t) => {
  const { store, directory } = await place(t)
  for (const registry of ['measure', 'localhost:5000/measure:tag', 'oci:layout']) {
    await assert.rejects(measureHere({ store, access: ACCESS, directory, registry }), (error) => {
      assert.ok(isBallastError(error, 'USAGE'), `${error}`)
      return true
    })
  }
  assert.deepEqual(await readdir(directory), [])
})

test('who is interrupted leaves nothing', async (t) => {
  const { store, directory } = await place(t)
  const interrupt = new AbortController()
  setTimeout(() => interrupt.abort(), 300)
  await assert.rejects(
    measureHere({ store, access: ACCESS, directory }, { signal: interrupt.signal }),
    (error) => isBallastError(error, 'INTERRUPTED'),
  )
  assert.deepEqual(await readdir(directory), [])
})

async function place(t: TestContext) {
  const directory = join(await temporaryDirectory(t), 'targets')
  await mkdir(directory)
  return { store: await temporaryStore(t), directory }
}
