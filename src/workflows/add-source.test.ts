import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startFileServer } from '../../test/doubles/file-server.ts'
import { type HubDouble, startHub } from '../../test/doubles/hub.ts'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { bytesContent, digestOf, hexOf } from '../core/index.ts'
import { pathFilter } from '../sources/index.ts'
import type { Store } from '../store/index.ts'
import { type AddedSource, addListing, addSource } from './add-source.ts'
import { followAddress } from './follow-address.ts'
import { show } from './show.ts'

const random = createRandom('add-source')
const SHARDS = {
  'config.json': Buffer.from('{"model_type":"bert"}'),
  'model-00001-of-00002.safetensors': random.bytes(100_000),
  'model-00002-of-00002.safetensors': random.bytes(10_000_000),
}

async function hubWith(t: TestContext, files: Readonly<Record<string, Buffer>>): Promise<HubDouble> {
  const hub = await startHub(t)
  hub.commit({ name: 'org/model', files })
  return hub
}

function add(store: Store, hub: HubDouble, more: object = {}): Promise<AddedSource> {
  return addSource(store, { name: 'sentiment', address: 'hf://org/model', access: { hub }, ...more })
}

test('a repository becomes a version that says where it came from', async (t) => {
  const store = await temporaryStore(t)
  const hub = await startHub(t)
  const commit = hub.commit({ name: 'org/model', files: SHARDS })
  const added = await add(store, hub)
  assert.deepEqual(
    [added.ref, added.files, added.newBytes, added.revision],
    ['sentiment:1', 3, 10_100_021, commit],
  )
  const { files, from, lineage } = await show(store, 'sentiment')
  assert.deepEqual(
    files.map(({ path, digest }) => [path, digest]),
    Object.entries(SHARDS).map(([path, bytes]) => [path, digestOf(bytes)]),
  )
  assert.equal(from, 'hf://org/model')
  assert.deepEqual(
    lineage.map(({ by, from, revision }) => [by, from, revision]),
    [['add', 'hf://org/model', commit]],
  )
  assert.deepEqual(Object.keys(lineage[0]?.checksums ?? {}), Object.keys(SHARDS).slice(1))
  assert.deepEqual((await store.verify()).problems, [])
  await store.gc()
  assert.equal((await show(store, 'sentiment')).files.length, 3)
})

test('what the store has is not fetched again, and of another commit only what is new', async (t) => {
  const store = await temporaryStore(t)
  const hub = await hubWith(t, SHARDS)
  await add(store, hub)
  const sent = hub.storage.sent()
  assert.equal((await add(store, hub)).isNew, false)
  hub.commit({ name: 'org/model', files: { ...SHARDS, 'config.json': Buffer.from('{"a":1}') } })
  const { ref, newBytes } = await add(store, hub)
  assert.deepEqual([ref, newBytes], ['sentiment:2', 7])
  assert.equal(hub.storage.sent(), sent)
})

test('patterns leave files out before they are fetched; nothing left is an error', async (t) => {
  const store = await temporaryStore(t)
  const hub = await hubWith(t, SHARDS)
  const { files } = await add(store, hub, { filter: pathFilter({ include: ['*.json'] }) })
  assert.equal(files, 1)
  assert.equal(hub.storage.sent(), 0)
  await assert.rejects(add(store, hub, { filter: pathFilter({ include: ['*.onnx'] }) }), {
    code: 'REFUSED',
    message: /none of the 3 files/,
  })
})

test('a cache of the Hub is used where it is right, and left alone where it is not', async (t) => {
  const store = await temporaryStore(t)
  const hub = await hubWith(t, SHARDS)
  const [, small, large] = Object.values(SHARDS) as [Buffer, Buffer, Buffer]
  const wrong = Buffer.from(small)
  wrong[7] = (wrong[7] ?? 0) ^ 1
  const cache = await writeFiles(await temporaryDirectory(t), {
    [`models--org--model/blobs/${hexOf(digestOf(large))}`]: large,
    [`models--org--model/blobs/${hexOf(digestOf(small))}`]: wrong,
  })
  await add(store, hub, { access: { hub: { endpoint: hub.endpoint, cache } } })
  assert.equal(hub.storage.sent(), small.length)
  assert.deepEqual((await store.verify()).problems, [])
})

test('a repository of very many files', async (t) => {
  const store = await temporaryStore(t)
  const files = Array.from({ length: 2100 }, (_, index) => {
    const bytes = Buffer.from(`part ${index % 300}`)
    const path = `part-${index}.bin`
    return { path, size: bytes.length, identity: `${bytes}`, checksums: [], content: bytesContent(bytes) }
  })
  const listing = { revision: 'r1', skipped: [], files }
  const added = await addListing(store, { name: 'many', address: 'test://many', listing })
  assert.equal(added.files, 2100)
  await store.gc()
  assert.deepEqual((await store.verify()).problems, [])
})

test('a pickle among the files is told', async (t) => {
  const store = await temporaryStore(t)
  const hub = await hubWith(t, { 'model.pkl': Buffer.from('\x80\x04K\x01.', 'latin1') })
  const { warnings } = await add(store, hub)
  assert.match(warnings.join(), /model.pkl is a pickle/)
})

test('an address that is followed: another content is another version, the same is none', async (t) => {
  const store = await temporaryStore(t)
  const server = await startFileServer(t, { '/w.bin': Buffer.from('one') })
  const stop = new AbortController()
  const refs: string[] = []
  const troubles: string[] = []
  let looks = 0
  await followAddress(
    store,
    { name: 'sentiment', address: `${server.origin}/w.bin`, access: {}, pauseMs: 5 },
    {
      signal: stop.signal,
      onVersion({ ref }) {
        refs.push(ref)
        if (refs.length === 3) stop.abort()
        server.files.delete('/w.bin')
      },
      onTrouble({ message }) {
        troubles.push(message)
        server.files.set('/w.bin', { bytes: Buffer.from(`content ${looks++}`) })
      },
    },
  )
  assert.deepEqual(refs, ['sentiment:1', 'sentiment:2', 'sentiment:3'])
  assert.equal(troubles.length, 2)
  await assert.rejects(
    followAddress(
      store,
      { name: 'sentiment:7', address: `${server.origin}/w.bin`, access: {} },
      { onVersion: () => undefined, onTrouble: () => undefined },
    ),
    { code: 'USAGE' },
  )
})
