import assert from 'node:assert/strict'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { forget } from '../../test/fixtures/garbage.ts'
import { startProcess } from '../../test/fixtures/processes.ts'
import { addVersion, randomModel, storeVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { digestOf, isDigest, withLock } from '../core/index.ts'
import { layoutOf } from './layout.ts'

test('what a live session has stored stays, although nothing leads to it yet', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const version = await storeVersion(store, session, randomModel('x'))
  assert.deepEqual((await store.gc()).removed, [])
  await session.close()
  assert.equal((await store.gc()).removed.length, version.files.length + 2)
})

test('what a live session relies on stays when its last tag goes', async (t) => {
  const store = await temporaryStore(t)
  const { version, number } = await addVersion(store, 'sentiment', randomModel('x'))
  await using session = await store.begin()
  await session.lease([version.digest])
  await forget(store, 'sentiment', number)
  assert.deepEqual((await store.gc()).removed, [])
})

test('what another process has stored stays while it lives and goes when it was killed', async (t) => {
  const store = await temporaryStore(t)
  const holder = startProcess(t, 'hold-session', [store.root, 'half a model'])
  const digest = await holder.ready
  assert.ok(isDigest(digest))
  const during = await store.gc()
  assert.deepEqual([during.removed, during.abandoned], [[], 0])
  await holder.kill()
  const after = await store.gc()
  assert.deepEqual([after.removed.map((blob) => blob.digest), after.abandoned], [[digest], 1])
  assert.deepEqual(await readdir(join(store.root, 'ballast', 'sessions')), [])
})

test('a session of a process that cannot be looked at is abandoned after long silence only', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: '1' })
  const { sessions } = layoutOf(store.root)
  const elsewhere = JSON.stringify({ pid: 1, started: '1', scope: 'another host' })
  for (const name of ['recent', 'silent']) {
    await mkdir(join(sessions, name))
    await writeFile(join(sessions, name, 'process'), elsewhere)
    await writeFile(join(sessions, name, 'leases'), '')
  }
  const hourAgo = Date.now() / 1000 - 3600
  await utimes(join(sessions, 'silent'), hourAgo, hourAgo)
  assert.equal((await store.gc({ patience: { silenceMs: 120_000, watchMs: 100 } })).abandoned, 1)
  assert.deepEqual(await readdir(sessions), ['recent'])
})

for (const hours of [-2, 2]) {
  test(`a session that gives signs of life outlives a clock that was set by ${hours} hours`, async (t) => {
    const store = await temporaryStore(t)
    await addVersion(store, 'sentiment', { a: '1' })
    const alive = join(layoutOf(store.root).sessions, 'alive')
    await mkdir(alive)
    await writeFile(join(alive, 'process'), JSON.stringify({ pid: 1, started: '1', scope: 'another host' }))
    await writeFile(join(alive, 'leases'), '')
    // Its last sign was stamped by the clock as it was; the next one comes in a moment, and by the same clock.
    const sign = Date.now() / 1000 - hours * 3600
    await utimes(alive, sign, sign)
    let stamped: Promise<void> = Promise.resolve()
    const heartbeat = setInterval(() => {
      stamped = stamped.then(() => utimes(alive, sign, sign + performance.now() / 1000))
    }, 20)
    t.after(() => clearInterval(heartbeat))
    assert.equal((await store.gc({ patience: { silenceMs: 120_000, watchMs: 5000 } })).abandoned, 0)
    assert.deepEqual(await readdir(alive), ['leases', 'process'])
    clearInterval(heartbeat)
    await stamped
    const silent = { patience: { silenceMs: 120_000, watchMs: 100 } }
    // The last sign may have come after the last look, and is seen by the next one.
    const { abandoned } = await store.gc(silent)
    await sleep(150)
    assert.equal(abandoned + (await store.gc(silent)).abandoned, 1)
  })
}

test('who leases while gc runs waits until it has finished', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  let leased = false
  let leasing: Promise<void> | undefined
  await withLock(layoutOf(store.root).gcLock, { timeoutMs: 0 }, async () => {
    leasing = session.lease([digestOf('x')]).then(() => {
      leased = true
    })
    await sleep(80)
    assert.equal(leased, false)
  })
  await leasing
  assert.equal(leased, true)
})

test('two who add and collect at once lose nothing that was added', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: 'first' })
  const adding = Promise.all(
    [0, 1, 2].map(async (lane) => {
      for (let i = 0; i < 3; i++) await addVersion(store, `model-${lane}`, { a: `${i % 2}`, b: `${lane}` })
    }),
  )
  let done = false
  const collecting = (async () => {
    while (!done) {
      await store.gc()
      await sleep(10)
    }
  })()
  await adding
  done = true
  await collecting
  assert.deepEqual((await store.verify()).problems, [])
})

test('a second gc waits for the first, and says so when it takes too long', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: '1' })
  await withLock(layoutOf(store.root).gcLock, { timeoutMs: 0 }, async () => {
    await assert.rejects(store.gc({ lockTimeoutMs: 0 }), { code: 'LOCKED' })
  })
})
