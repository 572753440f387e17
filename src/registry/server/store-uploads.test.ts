import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../../test/fixtures/store.ts'
import { bytesContent, digestOf, sha512Of } from '../../core/index.ts'
import { OCI_LAYER, OCI_MANIFEST, parseName, parseTag } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { startRegistry } from './start.ts'
import { createStoreStorage } from './store-storage.ts'
import { createStoreUploads } from './store-uploads.ts'

const DATA = Buffer.alloc(100_000, 'weights')
const keep = async (): Promise<void> => undefined

test('an upload that nobody goes on with is given up, and leaves no bytes', async (t) => {
  const store = await temporaryStore(t)
  const uploads = createStoreUploads(store, { keep, idleMs: 300 })
  const id = await uploads.create()
  await uploads.append(id, bytesContent(DATA).open())
  t.after(() => uploads.close())
  await becomesEmpty(store)
  assert.equal(await uploads.size(id), undefined)
})

test('however many uploads wait for their clients, others go on', async (t) => {
  const store = await temporaryStore(t)
  const uploads = createStoreUploads(store, { keep })
  t.after(() => uploads.close())
  // More than there are buffers for copies.
  const idle = await Promise.all(Array.from({ length: 40 }, () => uploads.create()))
  for (const id of idle.slice(0, 20)) await uploads.append(id, bytesContent(DATA).open())
  const id = await uploads.create()
  await uploads.append(id, bytesContent(DATA).open())
  await uploads.commit(id, digestOf(DATA))
  assert.deepEqual(await store.blobs.stat(digestOf(DATA)), { digest: digestOf(DATA), size: DATA.length })
})

test('one that cannot be given up harms nobody', async (t) => {
  const store = await temporaryStore(t)
  let asked = false
  const remove = async (): Promise<void> => {
    asked = true
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
  }
  const files = { ...store.uploads, remove }
  const failures: unknown[] = []
  const note = (error: unknown): unknown => failures.push(error)
  process.prependListener('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const uploads = createStoreUploads({ ...store, uploads: files }, { keep, idleMs: 1 })
  t.after(() => uploads.close())
  await uploads.create()
  while (!asked) await sleep(5)
  await sleep(5)
  await sleep(5)
  assert.deepEqual(failures, [])
})

test('a POST with all bytes that breaks off leaves none: its client never learned of an upload', async (t) => {
  const store = await temporaryStore(t)
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(registry.close)
  const { hostname, port } = new URL(registry.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(
    `POST /v2/app/blobs/uploads/?digest=${digestOf(DATA)} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 900000\r\n\r\n`,
  )
  socket.write(DATA)
  while ((await filesOf(store)).length === 0) await sleep(5)
  socket.destroy()
  await becomesEmpty(store)
})

test('a server that is started again goes on with the uploads of the former one', async (t) => {
  const store = await temporaryStore(t)
  const former = createStoreUploads(store, { keep })
  const id = await former.create()
  await former.append(id, bytesContent(DATA.subarray(0, 40_000)).open())
  await former.close()

  const later = createStoreUploads(store, { keep })
  t.after(() => later.close())
  assert.equal(await later.size(id), 40_000)
  assert.equal(await later.append(id, bytesContent(DATA.subarray(40_000)).open()), DATA.length)
  await later.commit(id, digestOf(DATA))
  assert.deepEqual(await store.blobs.stat(digestOf(DATA)), { digest: digestOf(DATA), size: DATA.length })
  assert.equal(await later.size(id), undefined)
  assert.deepEqual(await filesOf(store), [])
})

test('when a client breaks off, what has arrived stays, and the rest completes it', async (t) => {
  const store = await temporaryStore(t)
  const uploads = createStoreUploads(store, { keep })
  t.after(() => uploads.close())
  const id = await uploads.create()
  const broken = async function* (): AsyncIterable<Uint8Array> {
    yield DATA.subarray(0, 30_000)
    throw new Error('the connection was reset')
  }
  await assert.rejects(uploads.append(id, broken()), /reset/)
  assert.equal(await uploads.size(id), 30_000)
  await uploads.append(id, bytesContent(DATA.subarray(30_000)).open())
  await uploads.commit(id, digestOf(DATA))
  assert.deepEqual((await store.verify()).problems, [])
})

test('a blob that was pushed by its sha512 digest is found by both, and stays as long as an image needs it', async (t) => {
  const store = await temporaryStore(t)
  const uploads = createStoreUploads(store, { keep })
  t.after(() => uploads.close())
  const name = await sha512Of(bytesContent(DATA).open())
  const wrong = await uploads.create()
  await uploads.append(wrong, bytesContent(Buffer.from('other')).open())
  await assert.rejects(uploads.commit(wrong, name), { code: 'DAMAGED' })
  const id = await uploads.create()
  await uploads.append(id, bytesContent(DATA).open())
  await uploads.commit(id, name)
  assert.equal(await store.aliases.resolve(name), digestOf(DATA))

  const layer = { mediaType: OCI_LAYER, digest: name, size: DATA.length }
  const image = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [layer] }))
  const storage = createStoreStorage(store)
  t.after(() => storage.close())
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(image), bytes: image }
  await storage.putManifest(parseName('app'), manifest, { tags: [parseTag('v1')] })
  await storage.close()
  await store.gc()
  assert.deepEqual((await store.verify()).problems, [])
  assert.equal(await store.aliases.resolve(name), digestOf(DATA))
  await storage.deleteManifest(parseName('app'), { digest: digestOf(image) })
  await store.gc()
  assert.equal(await store.aliases.resolve(name), undefined)
  assert.deepEqual(await store.blobs.list(), [])
})

test('the memory of an upload does not grow with it', async (t) => {
  const store = await temporaryStore(t)
  const uploads = createStoreUploads(store, { keep })
  t.after(() => uploads.close())
  const id = await uploads.create()
  const before = process.memoryUsage.rss()
  let peak = before
  async function* chunks(): AsyncIterable<Uint8Array> {
    for (let count = 0; count < 200; count++) {
      yield Buffer.alloc(1024 * 1024, count)
      peak = Math.max(peak, process.memoryUsage.rss())
    }
  }
  await uploads.append(id, chunks())
  assert.ok(peak - before < 120 * 1024 * 1024, `${peak - before} bytes more for 200 MiB`)
})

async function becomesEmpty(store: Store): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await filesOf(store)).length > 0) {
    assert.ok(performance.now() < deadline, 'the upload is still there')
    await sleep(5)
  }
}

async function filesOf({ root }: Store): Promise<readonly string[]> {
  return readdir(join(root, 'ballast', 'uploads')).catch(() => [])
}
