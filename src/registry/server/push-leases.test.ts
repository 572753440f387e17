import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryStore } from '../../../test/fixtures/store.ts'
import { bytesContent, digestOf } from '../../core/index.ts'
import type { Store } from '../../store/index.ts'
import { createPushLeases } from './push-leases.ts'

const DIGEST = digestOf('x')

test('a disk that is full for a moment fails one push, and none after it', async (t) => {
  const store = await temporaryStore(t)
  const leases = createPushLeases(failingOnce(store))
  await assert.rejects(leases.keep([DIGEST]), { code: 'ENOSPC' })
  await leases.keep([DIGEST])
  await leases.close()
})

test('leases that could not be taken can be given up', async (t) => {
  const leases = createPushLeases(failingOnce(await temporaryStore(t)))
  await assert.rejects(leases.keep([DIGEST]), { code: 'ENOSPC' })
  await leases.close()
})

test('a failure to begin anew ends no lease that is held', async (t) => {
  const store = await temporaryStore(t)
  const { digest } = await ingest(store, 'kept')
  let full = false
  const beginReading: Store['beginReading'] = () => (full ? Promise.reject(fullDisk()) : store.beginReading())
  const leases = createPushLeases({ ...store, beginReading }, 1)
  await leases.keep([digest])
  full = true
  for (const _ of [1, 2, 3]) {
    await sleep(5)
    await assert.rejects(leases.keep([digest]), { code: 'ENOSPC' })
  }
  assert.deepEqual((await store.gc()).removed, [])
  await leases.close()
  assert.equal((await store.gc()).removed.length, 1)
})

test('who asks at once shares a session, and all of them end', async (t) => {
  const store = await temporaryStore(t)
  const leases = createPushLeases(store)
  await Promise.all([1, 2, 3].map(() => leases.keep([DIGEST])))
  const sessions = join(store.root, 'ballast', 'sessions')
  assert.equal((await readdir(sessions)).length, 1)
  await leases.close()
  assert.deepEqual(await readdir(sessions), [])
})

function failingOnce(store: Store): Store {
  let failed = false
  const beginReading: Store['beginReading'] = async () => {
    if (failed) return store.beginReading()
    failed = true
    throw fullDisk()
  }
  return { ...store, beginReading }
}

function fullDisk(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}

async function ingest(store: Store, text: string) {
  await using session = await store.begin()
  return await store.blobs.ingest(session, bytesContent(Buffer.from(text)).open(), { item: text })
}
