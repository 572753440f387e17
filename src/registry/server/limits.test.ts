import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BLOB,
  DATA,
  DIGEST,
  locationOf,
  pushImage,
  startAsked,
  UPLOADS,
} from '../../../test/doubles/distribution-api.ts'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { temporaryStore } from '../../../test/fixtures/store.ts'
import { bytesContent, type Content } from '../../core/index.ts'
import { createStoreStorage } from './store-storage.ts'

test('a registry that is read-only gives everything and takes nothing', async (t) => {
  const storage = createMemoryStorage()
  await pushImage(await startAsked(t, storage), 'v1')
  const ask = await startAsked(t, { ...storage, close: async () => undefined }, { readOnly: true })
  for (const path of ['/v2/', BLOB, '/v2/team/app/manifests/v1', '/v2/team/app/tags/list', '/v2/_catalog']) {
    assert.equal((await ask('GET', path)).status, 200, path)
  }
  for (const [method, path] of [
    ['POST', UPLOADS],
    ['POST', `${UPLOADS}?mount=${DIGEST}&from=team/app`],
    ['PUT', '/v2/team/app/manifests/v2'],
    ['DELETE', '/v2/team/app/manifests/v1'],
    ['DELETE', BLOB],
  ] as const) {
    const answer = await ask(method, path)
    assert.deepEqual([answer.status, answer.code], [405, 'UNSUPPORTED'], `${method} ${path}`)
  }
})

test('a blob that is larger than may be is refused on every way, and leaves no bytes', async (t) => {
  const store = await temporaryStore(t)
  const ask = await startAsked(t, createStoreStorage(store, { mostBytes: DATA.length - 1 }))
  const whole = await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
  assert.deepEqual([whole.status, whole.code], [413, 'SIZE_INVALID'])
  const location = locationOf(await ask('POST', UPLOADS))
  assert.equal((await ask('PATCH', location, { body: DATA.subarray(1) })).status, 202)
  const more = await ask('PATCH', location, { body: DATA.subarray(0, 1) })
  assert.deepEqual([more.status, more.code], [413, 'SIZE_INVALID'])
  assert.equal((await ask('GET', location)).status, 404)
  assert.equal(await store.uploads.count(), 0)
})

test('when too many uploads are open, others are asked to come again', async (t) => {
  const ask = await startAsked(t, createStoreStorage(await temporaryStore(t), { mostOpen: 2 }))
  const first = locationOf(await ask('POST', UPLOADS))
  await ask('POST', UPLOADS)
  const third = await ask('POST', UPLOADS)
  assert.deepEqual([third.status, third.code, third.headers['retry-after']], [429, 'TOOMANYREQUESTS', '5'])
  await ask('DELETE', first)
  assert.equal((await ask('POST', UPLOADS)).status, 202)
})

test('with too many requests at once, others are asked to come again, and health still answers', async (t) => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const content: Content = bytesContent(DATA)
  const openBlob = async () => {
    await held
    return content
  }
  const ask = await startAsked(t, { ...createMemoryStorage(), openBlob }, { mostRequests: 2 })
  const running = [ask('GET', BLOB), ask('GET', BLOB)]
  await sleep(50)
  const refused = await ask('GET', BLOB)
  assert.deepEqual(
    [refused.status, refused.code, refused.headers['retry-after']],
    [429, 'TOOMANYREQUESTS', '1'],
  )
  assert.equal((await ask('GET', '/healthz')).status, 200)
  release()
  for (const answer of await Promise.all(running)) assert.equal(answer.status, 200)
})

test('health, readiness and metrics', async (t) => {
  const storage = createMemoryStorage()
  const ask = await startAsked(t, storage)
  await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
  await ask('GET', BLOB)
  const { bytes, headers } = await ask('GET', '/metrics')
  assert.match(`${headers['content-type']}`, /version=0\.0\.4/)
  const text = bytes.toString()
  assert.match(text, /ballast_registry_requests_total\{method="GET",route="blob",status="200"\} 1\n/)
  assert.ok(Number(/ballast_registry_received_bytes_total (\d+)/.exec(text)?.[1]) > DATA.length)
  assert.ok(Number(/ballast_registry_sent_bytes_total (\d+)/.exec(text)?.[1]) > DATA.length)
  assert.doesNotMatch(text, /team/)
  assert.equal((await ask('GET', '/readyz')).status, 200)
  const broken = { ...createMemoryStorage(), listTags: () => Promise.reject(new Error('EIO')) }
  assert.equal((await (await startAsked(t, broken))('GET', '/readyz')).status, 503)
})

test('headers that are too large are refused', async (t) => {
  const ask = await startAsked(t, createMemoryStorage())
  assert.equal((await ask('GET', '/v2/', { headers: { 'x-large': 'x'.repeat(20_000) } })).status, 431)
})

test('a full disk is told from a bug', async (t) => {
  const full = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
  const storage = createMemoryStorage()
  const uploads = { ...storage.uploads, append: () => Promise.reject(full) }
  const ask = await startAsked(t, { ...storage, uploads }, { log: () => undefined })
  const answer = await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
  assert.equal(answer.status, 507)
})
