import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../../test/fixtures/store.ts'
import { bytesContent, digestOf } from '../../core/index.ts'
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
  const begin: Store['begin'] = async () => {
    const session = await store.begin()
    t.after(session.close)
    const close = async (): Promise<void> => {
      asked = true
      throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    }
    return { ...session, close }
  }
  const failures: unknown[] = []
  const note = (error: unknown): unknown => failures.push(error)
  process.prependListener('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  await createStoreUploads({ ...store, begin }, { keep, idleMs: 1 }).create()
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
  while ((await sessionsOf(store)).length === 0) await sleep(5)
  socket.destroy()
  await becomesEmpty(store)
})

async function becomesEmpty(store: Store): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await sessionsOf(store)).length > 0) {
    assert.ok(performance.now() < deadline, 'the upload is still there')
    await sleep(5)
  }
}

async function sessionsOf({ root }: Store): Promise<readonly string[]> {
  return readdir(join(root, 'ballast', 'sessions')).catch(() => [])
}
