import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addVersion, storeVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { indexOf } from '../../test/fixtures/store-facts.ts'
import { parseName, parseTag } from '../model/index.ts'
import { layoutOf } from './layout.ts'
import { project } from './projection.ts'
import type { Records } from './records.ts'
import { createKnownReferrers } from './referrers.ts'

test('index.json names every tag and number with its digest', async (t) => {
  const store = await temporaryStore(t)
  const first = await addVersion(store, 'sentiment', { a: '1' })
  const second = await addVersion(store, 'sentiment:prod', { a: '2' })
  const other = await addVersion(store, 'team/other', { a: '3' })
  assert.deepEqual(await indexOf(store.root), {
    'sentiment:1': first.version.digest,
    'sentiment:2': second.version.digest,
    'sentiment:latest': first.version.digest,
    'sentiment:prod': second.version.digest,
    'team/other:1': other.version.digest,
    'team/other:latest': other.version.digest,
  })
  assert.equal(await store.isProjected(), true)
})

test('the descriptors are complete, as other tools need them', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'sentiment', { a: '1' })
  const index = JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8'))
  assert.equal(index.mediaType, 'application/vnd.oci.image.index.v1+json')
  const [first] = index.manifests
  assert.equal(first.mediaType, 'application/vnd.oci.image.manifest.v1+json')
  assert.equal(first.artifactType, 'application/vnd.cncf.model.manifest.v1+json')
  assert.equal(first.size, (await readFile(store.blobs.path(version.digest))).length)
})

test('images are not listed, because their layers stand in no file', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const { digest } = await storeVersion(store, session, { a: '1' })
  await store.records.moveTag(session, parseName('app'), parseTag('v1'), {
    digest,
    kind: 'image',
    by: 'push',
  })
  await store.project(session)
  assert.deepEqual(await indexOf(store.root), {})
})

test('an index that fell behind is seen and rewritten', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: '1' })
  const path = join(store.root, 'index.json')
  const right = await readFile(path, 'utf8')
  for (const spoil of [
    () => writeFile(path, '{"manifests":[]}'),
    () => writeFile(path, ''),
    () => rm(path),
  ]) {
    await spoil()
    assert.equal(await store.isProjected(), false)
    await using session = await store.begin()
    await store.project(session)
    assert.equal(await readFile(path, 'utf8'), right)
  }
})

test('after many changes at once the index is that of the tags', async (t) => {
  const store = await temporaryStore(t)
  await Promise.all(
    Array.from({ length: 10 }, (_, at) => addVersion(store, `model-${at % 4}:tag-${at}`, { a: `${at}` })),
  )
  assert.equal(await store.isProjected(), true)
  assert.equal(Object.keys(await indexOf(store.root)).length, 20)
})

test('a tag that moves while the index is written is in it, also when whoever moved it was killed then', async (t) => {
  const store = await temporaryStore(t)
  await addVersion(store, 'sentiment', { a: '1' })
  const { version } = await addVersion(store, 'sentiment:prod', { a: '2' })
  await using session = await store.begin()
  const name = parseName('sentiment')
  let reads = 0
  const records: Records = {
    ...store.records,
    async listTags(model) {
      const tags = await store.records.listTags(model)
      if (reads++ > 0) return tags
      const move = { digest: version.digest, kind: 'model', by: 'tag' } as const
      await store.records.moveTag(session, name, parseTag('late'), move)
      await store.records.moveTag(session, name, parseTag('latest'), move)
      // Neither of the two is in what was read.
      return tags
    },
  }
  await rm(join(store.root, 'index.json'))
  const layout = layoutOf(store.root)
  await project({ layout, records, referrers: createKnownReferrers(layout, records) }, session, {
    heldMs: 0,
  })
  const index = await indexOf(store.root)
  assert.equal(index['sentiment:late'], version.digest)
  assert.equal(index['sentiment:latest'], version.digest)
})
