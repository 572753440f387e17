import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { forget, ingest } from '../../test/fixtures/garbage.ts'
import { addVersion, fileOf, randomModel, storeVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn } from '../../test/fixtures/temporary.ts'
import { type Digest, digestOf } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import type { Session } from './session.ts'
import type { Store } from './store.ts'

const NAME = parseName('sentiment')

test('gc removes what nothing needs, and only that', async (t) => {
  const store = await temporaryStore(t)
  const shared = { 'shared.bin': 'in both versions' }
  const kept = await addVersion(store, 'sentiment', { ...shared, ...randomModel('kept') })
  const gone = await addVersion(store, 'other', { ...shared, 'own.bin': 'only here' })
  await forget(store, 'other', gone.number)
  const report = await store.gc()
  const removed = report.removed.map(({ digest }) => digest)
  assert.ok(removed.includes(gone.version.digest))
  assert.ok(removed.includes(fileOf(gone.version, 'own.bin').digest))
  assert.equal(removed.length, 3)
  assert.equal(report.kept, kept.version.files.length + 2)
  assert.deepEqual((await store.verify()).problems, [])
  assert.deepEqual((await store.gc()).removed, [])
})

test('a version lives while a tag, its number or its digest without a tag leads to it', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const [byTag, byNumber, untagged] = [
    await storeVersion(store, session, { a: 'by tag' }),
    await storeVersion(store, session, { a: 'by number' }),
    await storeVersion(store, session, { a: 'untagged' }),
  ]
  await store.records.moveTag(session, NAME, parseTag('prod'), {
    digest: byTag.digest,
    kind: 'model',
    by: 'tag',
  })
  await store.records.claimNumber(session, NAME, { digest: byNumber.digest, from: '' })
  await store.records.addUntagged(session, NAME, untagged.digest)
  await session.close()
  assert.deepEqual((await store.gc()).removed, [])
  for (const { digest, files } of [byTag, byNumber, untagged]) {
    assert.deepEqual((await store.readVersion(digest)).files, files)
    assert.notEqual(await store.blobs.stat(fileOf({ digest, files }, 'a').digest), undefined)
  }
})

test('a dry run says the same and removes nothing', async (t) => {
  const store = await temporaryStore(t)
  const { number } = await addVersion(store, 'sentiment', randomModel('x'))
  await forget(store, 'sentiment', number)
  const before = await pathsIn(join(store.root, 'blobs'))
  const dry = await store.gc({ dryRun: true })
  assert.deepEqual(await pathsIn(join(store.root, 'blobs')), before)
  const wet = await store.gc()
  assert.deepEqual(wet, dry)
  assert.equal(
    wet.removedBytes,
    wet.removed.reduce((sum, { size }) => sum + size, 0),
  )
  assert.equal((await store.blobs.list()).length, 0)
})

test('manifests go before the files that they refer to', async (t) => {
  const store = await temporaryStore(t)
  const { version, number } = await addVersion(store, 'sentiment', randomModel('x'))
  await forget(store, 'sentiment', number)
  // As if killed after the first removal.
  let polls = 0
  const signal = {
    get aborted() {
      return ++polls > 3
    },
  } as AbortSignal
  await assert.rejects(store.gc({ signal }), { code: 'INTERRUPTED' })
  const left = (await store.blobs.list()).map(({ digest }) => digest)
  assert.ok(left.length > 0 && left.length < version.files.length + 2)
  assert.ok(!left.includes(version.digest))
})

test('the parts of a derived blob live while something refers to it', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const part = await ingest(store, session, 'a part of a layer')
  const derived = { digest: digestOf('the layer'), size: 9000, parts: [part], recipe: 'header + part' }
  await store.derived.put(session, derived)
  const layers = [{ mediaType: 'x', digest: derived.digest, size: derived.size }]
  const manifest = await ingest(store, session, JSON.stringify({ schemaVersion: 2, layers }))
  const image = { digest: manifest, kind: 'image', by: 'push' } as const
  await store.records.moveTag(session, NAME, parseTag('app'), image)
  await session.close()
  assert.deepEqual((await store.gc()).removed, [])
  assert.deepEqual(await store.derived.get(derived.digest), derived)
})

test('a derived blob of which a part goes is forgotten, by digest and by recipe', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const part = await ingest(store, session, 'a part of a layer')
  const derived = { digest: digestOf('the layer'), size: 9000, parts: [part], recipe: 'header + part' }
  await store.derived.put(session, derived)
  assert.deepEqual(await store.derived.findByRecipe('header + part'), derived)
  await session.close()
  await store.gc()
  assert.equal(await store.derived.get(derived.digest), undefined)
  assert.equal(await store.derived.findByRecipe('header + part'), undefined)
  assert.deepEqual(await store.derived.list(), [])
})

test('a derived blob without parts lives while an image has it', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const derived = { digest: digestOf('placement'), size: 9000, parts: [], recipe: 'links only' }
  await store.derived.put(session, derived)
  const layers = [{ mediaType: 'x', digest: derived.digest, size: derived.size }]
  const manifest = await ingest(store, session, JSON.stringify({ schemaVersion: 2, layers }))
  await store.records.addUntagged(session, NAME, manifest)
  await session.close()
  await store.gc()
  assert.deepEqual(await store.derived.get(derived.digest), derived)
  await store.records.removeUntagged(NAME, manifest)
  await store.gc()
  assert.deepEqual(await store.derived.list(), [])
  assert.equal(await store.derived.findByRecipe('links only'), undefined)
})

test('a model file that looks like a manifest is not in the way', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', {
    'broken.json': '{"schemaVersion":2,"layers":[{"digest":"?"}]}',
    'x.json': '{',
  })
  assert.deepEqual((await store.gc()).removed, [])
})

test('an image whose manifest begins with white space keeps its blobs', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  for (const space of ['\n', ' '.repeat(10_000)]) {
    const config = await ingest(store, session, `the config after ${space.length}`)
    const text = JSON.stringify({ schemaVersion: 2, config: { mediaType: 'x', digest: config, size: 1 } })
    await store.records.addUntagged(session, NAME, await ingest(store, session, `${space}${text}`))
  }
  await session.close()
  assert.deepEqual((await store.gc()).removed, [])
})

test('gc where there is no store creates none', async (t) => {
  const store = await temporaryStore(t)
  assert.deepEqual(await store.gc(), {
    ...{ removed: [], removedBytes: 0, kept: 0, abandoned: 0 },
    ...{ partials: 0, partialBytes: 0 },
  })
  assert.deepEqual(await pathsIn(join(store.root, '..')), [])
})

test('what is attached to a manifest goes with it, and keeps nothing of it', async (t) => {
  const store = await temporaryStore(t)
  const { version, number } = await addVersion(store, 'sentiment', { a: 'weights' })
  await using session = await store.begin()
  const description = await attach(store, session, version.digest)
  const signature = await attach(store, session, description)
  const orphan = await attach(store, session, digestOf('was never here'))
  await session.close()
  assert.ok((await store.gc()).removed.some(({ digest }) => digest === orphan))
  assert.deepEqual(new Set(await store.records.listUntagged(NAME)), new Set([description, signature]))
  await forget(store, 'sentiment', number)
  await store.gc()
  assert.deepEqual([await store.blobs.list(), await store.records.listUntagged(NAME)], [[], []])
})

test('what is attached to a leased manifest stays, for whoever is about to name it', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const version = await storeVersion(store, session, { a: 'weights' })
  const description = await attach(store, session, version.digest)
  assert.deepEqual((await store.gc()).removed, [])
  assert.deepEqual(await store.records.listUntagged(NAME), [description])
})

test('a gc that is killed leaves no entry without its manifest', async (t) => {
  const store = await temporaryStore(t)
  const { version, number } = await addVersion(store, 'sentiment', { a: 'weights' })
  await using session = await store.begin()
  await attach(store, session, version.digest)
  await session.close()
  await forget(store, 'sentiment', number)
  let polls = 0
  const signal = {
    get aborted() {
      return ++polls > 1
    },
  } as AbortSignal
  await assert.rejects(store.gc({ signal }), { code: 'INTERRUPTED' })
  assert.deepEqual((await store.verify()).problems, [])
  assert.deepEqual(await store.records.listUntagged(NAME), [])
})

/** An artifact without a tag that is about a manifest. */
async function attach(store: Store, session: Session, subject: Digest): Promise<Digest> {
  const config = await ingest(store, session, '{}')
  const manifest = await ingest(
    store,
    session,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 },
      layers: [],
      subject: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: subject, size: 1 },
    }),
  )
  await store.records.addUntagged(session, NAME, manifest)
  return manifest
}
