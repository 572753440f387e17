import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { openStore } from '../store/index.ts'
import { list } from './list.ts'
import { attachMetrics } from './metrics.ts'

test('what is listed of a version is remembered, and never outlives what it was worked out from', async (t) => {
  const { root } = await temporaryStore(t)
  const later = async (): ReturnType<typeof list> => list(await openStore(root))
  const store = await openStore(root)
  await addVersion(store, 'sentiment', { 'a.bin': '1', 'b.bin': '22' })
  const first = await later()
  assert.deepEqual([first[0]?.files, first[0]?.bytes], [2, 3])
  assert.equal((await readdir(join(root, 'ballast/cache/listed'))).length, 1)
  assert.deepEqual(await later(), first)

  await attachMetrics(await openStore(root), {
    measured: [{ ref: 'sentiment:1', metrics: { accuracy: 0.5 } }],
    by: 'a test',
  })
  assert.deepEqual((await later())[0]?.figures, { accuracy: 0.5 })
  await attachMetrics(await openStore(root), {
    measured: [{ ref: 'sentiment:1', metrics: { accuracy: 0.75 } }],
    by: 'a test',
  })
  assert.deepEqual((await later())[0]?.figures, { accuracy: 0.75 })

  const added = await addVersion(store, 'sentiment', { 'a.bin': '1' })
  assert.deepEqual(
    (await later()).map(({ files, tags }) => [files, tags]),
    [
      [2, []],
      [1, ['latest']],
    ],
  )
  await store.records.removeVersion(await store.begin(), 'sentiment' as never, added.number)
  assert.equal((await later()).length, 1)
})

test('a version that cannot be read is listed without facts, and with them once it is there again', async (t) => {
  const { root } = await temporaryStore(t)
  const contents = { 'a.bin': '1' }
  const { version } = await addVersion(await openStore(root), 'sentiment', contents)
  const store = await openStore(root)
  await rm(store.blobs.path(version.digest))
  assert.equal((await list(store))[0]?.files, 0)
  await addVersion(await openStore(root), 'sentiment', contents)
  assert.equal((await list(await openStore(root)))[0]?.files, 1)
})
