import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexOf } from '../../test/fixtures/store-facts.ts'
import { place } from '../../test/fixtures/version-place.ts'
import { parseName } from '../model/index.ts'
import { history } from './history.ts'
import { list } from './list.ts'
import { remove } from './remove.ts'
import { show } from './show.ts'
import { rollbackTag, tag } from './tag.ts'

/** Only images need credentials. */
const NO_IMAGES = { dockerConfig: '/nowhere' }

test('a tag is pointed to a version, and back with rollback, and each move is in the history', async (t) => {
  const { store, addFiles } = await place(t)
  const [one, two] = [await addFiles('sentiment', { a: '1' }), await addFiles('sentiment', { a: '2' })]
  assert.deepEqual(await tag(store, ['sentiment:1', 'prod']), {
    ref: 'sentiment:prod',
    digest: one.digest,
    number: 1,
    moved: true,
    warnings: [],
  })
  assert.equal((await tag(store, ['sentiment:1', 'sentiment:prod'])).moved, false)
  assert.equal((await tag(store, ['sentiment', 'prod'])).number, 2)
  assert.equal((await rollbackTag(store, 'sentiment:prod')).digest, one.digest)
  assert.equal((await rollbackTag(store, 'sentiment:prod')).digest, two.digest)
  const moves = await history(store, 'sentiment:prod', { access: NO_IMAGES })
  assert.deepEqual(
    moves.map(({ by, number }) => [by, number]),
    [
      ['tag', 1],
      ['tag', 2],
      ['rollback', 1],
      ['rollback', 2],
    ],
  )
  assert.equal((await history(store, 'sentiment', { access: NO_IMAGES })).length, 6)
  assert.equal((await indexOf(store.root))['sentiment:prod'], two.digest)
})

test('a rollback to a version that was removed is refused, not made', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment', { a: '1' })
  const two = await addFiles('sentiment', { a: '2' })
  await remove(store, 'sentiment:1')
  await store.gc()
  await assert.rejects(rollbackTag(store, 'sentiment'), { code: 'CONFLICT' })
  assert.equal((await show(store, 'sentiment')).digest, two.digest)
})

test('what never moves cannot be tagged over or rolled back', async (t) => {
  const { store, addFiles } = await place(t)
  const { digest } = await addFiles('sentiment', { a: '1' })
  await addFiles('other', { a: '1' })
  await assert.rejects(tag(store, ['sentiment', '7']), { code: 'CONFLICT' })
  await assert.rejects(tag(store, ['sentiment', 'other:prod']), { code: 'USAGE', message: /another model/ })
  for (const text of ['sentiment:1', `sentiment@${digest}`]) {
    await assert.rejects(rollbackTag(store, text), { code: 'USAGE' })
  }
})

test('removing the newest version moves latest to the one before', async (t) => {
  const { store, addFiles } = await place(t)
  const one = await addFiles('sentiment', { a: '1' })
  await addFiles('sentiment', { a: '2' })
  assert.deepEqual(await remove(store, 'sentiment:2'), {
    removed: ['sentiment:2'],
    moved: ['sentiment:latest -> sentiment:1'],
    warnings: [],
  })
  assert.equal((await show(store, 'sentiment')).digest, one.digest)
  assert.deepEqual(Object.keys(await indexOf(store.root)), ['sentiment:1', 'sentiment:latest'])
  assert.equal((await addFiles('sentiment', { a: '2' })).ref, 'sentiment:3')
})

test('a version that a tag points to is only removed with force, and then with the tag', async (t) => {
  const { store, addFiles } = await place(t)
  const one = await addFiles('sentiment:prod', { a: '1' })
  await addFiles('sentiment', { a: '2' })
  for (const text of ['sentiment:1', `sentiment@${one.digest}`]) {
    await assert.rejects(remove(store, text), { code: 'CONFLICT', message: /sentiment:prod/ })
  }
  assert.deepEqual((await remove(store, 'sentiment:1', { force: true })).removed, [
    'sentiment:prod',
    'sentiment:1',
  ])
  await assert.rejects(show(store, 'sentiment:prod'), { code: 'NOT_FOUND' })
})

test('removing a tag leaves the version', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment:prod', { a: '1' })
  assert.deepEqual(await remove(store, 'sentiment:prod'), {
    removed: ['sentiment:prod'],
    moved: [],
    warnings: [],
  })
  assert.equal((await show(store, 'sentiment:1')).number, 1)
  await assert.rejects(remove(store, 'sentiment:prod'), { code: 'NOT_FOUND' })
})

test('removing a digest that only a tag leads to never touches another tag', async (t) => {
  const { store, addFiles } = await place(t)
  const one = await addFiles('sentiment:prod', { a: '1' })
  const two = await addFiles('sentiment', { a: '2' })
  await using session = await store.begin()
  await store.records.removeVersion(session, parseName('sentiment'), 1)
  await assert.rejects(remove(store, `sentiment@${one.digest}`), { code: 'CONFLICT' })
  const { removed } = await remove(store, `sentiment@${one.digest}`, { force: true })
  assert.deepEqual(removed, ['sentiment:prod'])
  assert.equal((await show(store, 'sentiment')).digest, two.digest)
})

test('removing all leaves nothing for gc to keep, and a number to go on from', async (t) => {
  const { store, addFiles } = await place(t)
  await addFiles('sentiment', { a: '1' })
  await addFiles('sentiment:prod', { a: '2' })
  await assert.rejects(remove(store, 'sentiment'), { code: 'USAGE' })
  await remove(store, 'sentiment', { all: true })
  assert.deepEqual(await list(store), [])
  assert.equal((await store.gc()).kept, 0)
  await assert.rejects(show(store, 'sentiment:1'), { code: 'NOT_FOUND' })
  await assert.rejects(remove(store, 'sentiment', { all: true }), { code: 'NOT_FOUND' })
  assert.equal((await addFiles('sentiment', { a: '3' })).ref, 'sentiment:3')
})
