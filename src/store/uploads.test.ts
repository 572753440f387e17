import assert from 'node:assert/strict'
import { utimes, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { UPLOAD_IDLE_MS } from './uploads.ts'

test('gc removes uploads that nobody has added to for an hour, and no others', async (t) => {
  const store = await temporaryStore(t)
  await (await store.begin()).close()
  const [idle, running] = [await store.uploads.create(), await store.uploads.create()]
  const path = store.uploads.path(idle) ?? ''
  await writeFile(path, 'some bytes')
  const past = new Date(Date.now() - UPLOAD_IDLE_MS - 1000)
  await utimes(path, past, past)
  await store.gc()
  assert.equal(await store.uploads.size(idle), undefined)
  assert.equal(await store.uploads.size(running), 0)
})

test('what is no name of an upload leads nowhere', async (t) => {
  const { uploads } = await temporaryStore(t)
  for (const id of ['', '..', '../format', 'x'.repeat(32), `${'0'.repeat(31)}/`, '0'.repeat(33)]) {
    assert.equal(uploads.path(id), undefined)
    assert.equal(await uploads.size(id), undefined)
  }
})
