import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addVersion, asFormerStore, temporaryStore } from '../../test/fixtures/store.ts'
import { digestOf, ownIdentity } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import { layoutOf } from './layout.ts'
import { openStore, type Store } from './store.ts'
import { upgradeStore } from './upgrade.ts'

const NAME = parseName('sentiment')
const PROD = parseTag('prod')

test('a store of format 1 is read as it is, and only the first write makes it one of format 2', async (t) => {
  const { root } = await formerStore(await temporaryStore(t))
  const store = await openStore(root)
  assert.equal((await store.records.listVersions(NAME)).length, 2)
  assert.deepEqual((await store.verify()).histories.broken, [])
  await using reading = await store.beginReading()
  assert.ok(reading.writable)
  assert.equal(await formatIn(root), '1\n')
  await using session = await store.begin()
  assert.equal(await formatIn(root), '2\n')
  await store.records.moveTag(session, NAME, PROD, { digest: digestOf('x'), kind: 'model', by: 'tag' })
  const log = join(root, 'ballast/repositories/sentiment/tags/prod')
  const [second, third] = await Promise.all(
    [2, 3].map((n) => readFile(join(log, `000000000${n}.json`), 'utf8')),
  )
  assert.equal(JSON.parse(third ?? '').previous, digestOf(second ?? ''))
  assert.deepEqual((await store.verify()).histories, { records: 6, broken: [] })
})

test('many who write to a store of format 1 at once all do, and it is upgraded', async (t) => {
  const { root } = await formerStore(await temporaryStore(t))
  const moves = Array.from({ length: 8 }, async (_, n) => {
    const store = await openStore(root)
    await using session = await store.begin()
    await store.records.moveTag(session, NAME, PROD, { digest: digestOf(`${n}`), kind: 'model', by: 'tag' })
  })
  await Promise.all(moves)
  const store = await openStore(root)
  assert.equal((await store.records.history(NAME, PROD)).length, 10)
  assert.deepEqual((await store.verify()).histories.broken, [])
  assert.equal(await formatIn(root), '2\n')
})

test('while an older Ballast is at work in it, the store is not upgraded, and whoever would write hears why', async (t) => {
  const { root } = await formerStore(await temporaryStore(t))
  const session = join(root, 'ballast/sessions/0123456789abcdef')
  await mkdir(session)
  await writeFile(join(session, 'process'), JSON.stringify(ownIdentity()))
  await assert.rejects(upgradeStore(layoutOf(root), { waitMs: 100 }), {
    code: 'LOCKED',
    message: new RegExp(`an older Ballast \\(process ${process.pid}\\)`),
  })
  assert.equal(await formatIn(root), '1\n')
  const upgrading = upgradeStore(layoutOf(root), { waitMs: 10_000 })
  await rm(session, { recursive: true })
  await upgrading
  assert.equal(await formatIn(root), '2\n')
})

async function formerStore(store: Store): Promise<Store> {
  await addVersion(store, 'sentiment:prod', { a: '1' })
  await addVersion(store, 'sentiment:prod', { a: '2' })
  await addVersion(store, 'sentiment:staging', { a: '2' })
  await asFormerStore(store.root)
  return store
}

function formatIn(root: string): Promise<string> {
  return readFile(join(root, 'ballast/format'), 'utf8')
}
