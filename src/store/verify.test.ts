import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { addVersion, fileOf, flipBit, randomModel, temporaryStore } from '../../test/fixtures/store.ts'
import { bytesContent, digestOf } from '../core/index.ts'
import { parseName } from '../model/index.ts'

test('a sound store has no problems, and is counted', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'sentiment', randomModel('x'))
  const { problems, blobs, bytes } = await store.verify()
  assert.deepEqual(problems, [])
  assert.equal(blobs, version.files.length + 2)
  assert.ok(bytes > version.files.reduce((sum, { size }) => sum + size, 0))
})

test('a flipped bit is found, with every version and file that needs it', async (t) => {
  const store = await temporaryStore(t)
  const shared = { 'weights.bin': 'shared weights' }
  const { version } = await addVersion(store, 'sentiment', { ...shared, a: '1' })
  await addVersion(store, 'team/other', { ...shared, b: '2' })
  const { digest } = fileOf(version, 'weights.bin')
  await flipBit(store.blobs.path(digest), { sameTime: true })
  const { problems } = await store.verify()
  assert.deepEqual(problems, [
    { kind: 'damaged', digest, neededBy: ['sentiment:1 weights.bin', 'team/other:1 weights.bin'] },
  ])
  assert.equal(await store.blobs.stat(digest), undefined)
})

test('a missing file is found, with the version that needs it', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'sentiment', randomModel('x'))
  const { digest } = fileOf(version, 'config.json')
  await rm(store.blobs.path(digest))
  assert.deepEqual((await store.verify()).problems, [
    { kind: 'missing', digest, neededBy: ['sentiment:1 config.json'] },
  ])
})

test('a missing manifest is found, with the version that it was', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'sentiment', { a: '1' })
  await rm(store.blobs.path(version.digest))
  assert.deepEqual((await store.verify()).problems, [
    { kind: 'missing', digest: version.digest, neededBy: ['sentiment:1'] },
  ])
})

test('what a manifest that begins with white space needs is found to be missing', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const config = { mediaType: 'x', digest: digestOf('nowhere'), size: 7 }
  const manifest = Buffer.from(` \n${JSON.stringify({ schemaVersion: 2, config })}`)
  const { digest } = await store.blobs.ingest(session, bytesContent(manifest).open(), { item: 'x' })
  await store.records.addUntagged(session, parseName('app'), digest)
  assert.deepEqual((await store.verify()).problems, [
    { kind: 'missing', digest: config.digest, neededBy: [`app@${digest}`] },
  ])
})

test('damage in what nothing needs is told apart', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const { digest } = await store.blobs.ingest(session, bytesContent(Buffer.from('alone')).open(), {
    item: 'x',
  })
  await flipBit(store.blobs.path(digest))
  assert.deepEqual((await store.verify()).problems, [{ kind: 'damaged', digest, neededBy: [] }])
})

test('a problem is gone once the same files were stored again', async (t) => {
  const store = await temporaryStore(t)
  const model = randomModel('x')
  const { version } = await addVersion(store, 'sentiment', model)
  await flipBit(store.blobs.path(fileOf(version, 'weights.bin').digest), { sameTime: true })
  assert.equal((await store.verify()).problems.length, 1)
  await addVersion(store, 'sentiment', model)
  assert.deepEqual((await store.verify()).problems, [])
})

test('verifying can be interrupted', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: digestOf('x') })
  await assert.rejects(store.verify({ signal: AbortSignal.abort() }), { code: 'INTERRUPTED' })
})
