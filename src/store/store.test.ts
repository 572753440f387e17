import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addVersion, flipBit, randomModel, temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { parseName } from '../model/index.ts'
import { openStore } from './store.ts'

test('reading a store that does not exist creates nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'a', 'store'))
  assert.deepEqual(await store.records.listNames(), [])
  assert.deepEqual(await store.records.listVersions(parseName('x')), [])
  assert.deepEqual(await store.blobs.list(), [])
  assert.equal(await store.blobs.stat(digestOf('x')), undefined)
  assert.equal(await store.cache.get('facts', digestOf('x')), undefined)
  assert.deepEqual(await store.derived.list(), [])
  assert.deepEqual((await store.verify()).problems, [])
  await assert.rejects(store.readVersion(digestOf('x')), { code: 'NOT_FOUND' })
  assert.deepEqual(await readdir(directory), [])
})

test('the first work creates a store that is an image layout', async (t) => {
  const store = await temporaryStore(t)
  await using _ = await store.begin()
  assert.deepEqual(JSON.parse(await readFile(join(store.root, 'oci-layout'), 'utf8')), {
    imageLayoutVersion: '1.0.0',
  })
  assert.equal(JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8')).schemaVersion, 2)
  assert.equal(await readFile(join(store.root, 'ballast', 'format'), 'utf8'), '2\n')
})

test('many who create the store at once share it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const names = Array.from({ length: 8 }, (_, at) => `model-${at}`)
  await Promise.all(names.map(async (name) => addVersion(await openStore(directory), name, { a: name })))
  assert.deepEqual(await (await openStore(directory)).records.listNames(), names)
})

test('what one has stored, the next one who opens the store finds', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'sentiment', randomModel('x'))
  const again = await openStore(store.root)
  assert.deepEqual(await again.readVersion(version.digest), version)
})

const FOREIGN: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["somebody's files", { 'letters/mum.txt': 'hello' }],
  ['a file beside what looks like a store', { 'blobs/sha256/x': '', 'ballast/x': '', notes: '' }],
  [
    "another tool's image layout",
    { 'oci-layout': '{}', 'index.json': '{"manifests":[{}]}', 'blobs/sha256/abc': 'x' },
  ],
]

for (const [what, files] of FOREIGN) {
  test(`a directory with ${what} is refused and left alone`, async (t) => {
    const directory = await writeFiles(await temporaryDirectory(t), files)
    const before = await pathsIn(directory)
    await assert.rejects(openStore(directory), { code: 'REFUSED', message: /not a Ballast store/ })
    assert.deepEqual(await pathsIn(directory), before)
  })
}

test('an empty directory, and the root of a new file system, may become a store', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'lost+found'))
  const store = await openStore(directory)
  await addVersion(store, 'sentiment', { a: '1' })
  assert.deepEqual(await (await openStore(directory)).records.listNames(), ['sentiment'])
})

test('a store whose creation was cut short at any point is completed', async (t) => {
  const whole = await temporaryStore(t)
  await (await whole.begin()).close()
  for (const missing of [
    ['format'],
    ['format', '../index.json'],
    ['format', '../index.json', '../oci-layout'],
  ]) {
    for (const name of missing) await rm(join(whole.root, 'ballast', name), { force: true })
    const store = await openStore(whole.root)
    await addVersion(store, 'sentiment', { a: '1' })
    assert.equal(await store.isProjected(), true)
    assert.equal(await readFile(join(whole.root, 'ballast', 'format'), 'utf8'), '2\n')
  }
})

test('a store of a later format is refused', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: '1' })
  await writeFile(join(store.root, 'ballast', 'format'), '3\n')
  await assert.rejects(openStore(store.root), {
    code: 'REFUSED',
    message: /later Ballast \(store format 3\)/,
  })
})

test('a manifest with wrong bytes is never read as a version, and storing it again mends it', async (t) => {
  const store = await temporaryStore(t)
  const model = randomModel('x')
  const { version } = await addVersion(store, 'sentiment', model)
  await flipBit(store.blobs.path(version.digest), { sameTime: true })
  await assert.rejects(store.readVersion(version.digest), { code: 'DAMAGED' })
  await addVersion(store, 'sentiment', model)
  assert.deepEqual(await store.readVersion(version.digest), version)
})

test('what is cached comes back, and is not mixed up between kinds', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const entry = { digest: digestOf('a layer'), data: Buffer.from('facts') }
  await store.cache.put(session, 'inventory', entry)
  assert.deepEqual(await store.cache.get('inventory', entry.digest), entry.data)
  assert.equal(await store.cache.get('other', entry.digest), undefined)
})
