import assert from 'node:assert/strict'
import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { type Digest, digestOf, hexOf } from '../core/index.ts'
import { layoutOf } from './layout.ts'

test('an entry is found by kind and digest, and only there', async (t) => {
  const store = await temporaryStore(t)
  const [digest, data] = [digestOf('layer'), Buffer.from('what is in it')]
  assert.equal(await store.cache.get('inventory', digest), undefined)
  await using session = await store.begin()
  await store.cache.put(session, 'inventory', { digest, data })
  assert.deepEqual(await store.cache.get('inventory', digest), data)
  assert.equal(await store.cache.get('other', digest), undefined)
})

test('gc drops what was written more than 90 days ago, and nothing in a dry run', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const [old, recent] = [digestOf('old'), digestOf('recent')]
  const age = async (digest: Digest, days: number): Promise<void> => {
    await store.cache.put(session, 'inventory', { digest, data: Buffer.from('x') })
    const written = Date.now() / 1000 - days * 24 * 60 * 60
    await utimes(join(layoutOf(store.root).cache, 'inventory', hexOf(digest)), written, written)
  }
  await age(old, 91)
  await age(recent, 89)
  await writeFile(join(layoutOf(store.root).cache, '.DS_Store'), 'of a file manager')
  await store.gc({ dryRun: true })
  assert.notEqual(await store.cache.get('inventory', old), undefined)
  await store.gc()
  assert.equal(await store.cache.get('inventory', old), undefined)
  assert.notEqual(await store.cache.get('inventory', recent), undefined)
})
