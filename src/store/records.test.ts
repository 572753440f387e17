import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { type Digest, digestOf } from '../core/index.ts'
import { parseName, parseReference, parseTag } from '../model/index.ts'
import type { Records } from './records.ts'
import type { Session } from './session.ts'

const NAME = parseName('team/sentiment')
const PROD = parseTag('prod')
const [A, B, C] = ['a', 'b', 'c'].map((text) => digestOf(text)) as [Digest, Digest, Digest]

test('every new digest gets the next number, and the same bytes keep theirs', async (t) => {
  const { claim } = await place(t)
  assert.deepEqual([await claim(A), await claim(B), await claim(A), await claim(C)], [1, 2, 1, 3])
})

test('of many who claim a number at once, each digest has its own', async (t) => {
  const { claim } = await place(t)
  const digests = Array.from({ length: 12 }, (_, at) => digestOf(`${at % 6}`))
  const numbers = await Promise.all(digests.map((digest) => claim(digest)))
  assert.deepEqual(numbers.slice(0, 6), numbers.slice(6))
  assert.deepEqual(new Set(numbers), new Set([1, 2, 3, 4, 5, 6]))
})

test('a number that is wanted is given when it is higher than any used', async (t) => {
  const { claim } = await place(t)
  assert.equal(await claim(A, 9), 9)
  assert.equal(await claim(A, 9), 9)
  assert.equal(await claim(B), 10)
})

test('a number that is used, lower, or not that of the same bytes is a conflict', async (t) => {
  const { claim } = await place(t)
  await claim(A, 5)
  await assert.rejects(claim(B, 5), { code: 'CONFLICT', message: /team\/sentiment:5.*next free number is 6/ })
  await assert.rejects(claim(B, 4), { code: 'CONFLICT' })
  await assert.rejects(claim(A, 7), { code: 'CONFLICT', message: /these bytes are team\/sentiment:5/ })
})

test("a number that was given elsewhere may be lower, and is nobody else's", async (t) => {
  const { records, session } = await place(t)
  const claim = (digest: Digest, wanted: number): ReturnType<Records['claimNumber']> =>
    records.claimNumber(session, NAME, { digest, from: 'there', wanted, given: true })
  await claim(A, 5)
  assert.equal((await claim(B, 2)).number, 2)
  await assert.rejects(claim(C, 2), { code: 'CONFLICT', message: /team\/sentiment:2.*others have it/ })
  await records.removeVersion(session, NAME, 2)
  await assert.rejects(claim(C, 2), { code: 'CONFLICT' })
  assert.equal((await claim(B, 2)).number, 2, 'the same bytes come back')
})

test('a number is never used again after its version was removed', async (t) => {
  const { claim, records, session } = await place(t)
  await claim(A)
  await claim(B)
  await records.removeVersion(session, NAME, 2)
  await assert.rejects(claim(C, 2), { code: 'CONFLICT' })
  assert.equal(await claim(C), 3)
  assert.equal(await claim(B), 4)
  assert.deepEqual(
    (await records.listVersions(NAME)).map(({ number }) => number),
    [1, 3, 4],
  )
})

test('a tag that was moved meanwhile is not moved from an outdated state', async (t) => {
  const { records, session } = await place(t)
  await records.moveTag(session, NAME, PROD, { digest: A, kind: 'model', by: 'add' })
  await records.moveTag(session, NAME, PROD, { digest: B, kind: 'model', by: 'add' })
  const late = { digest: null, kind: 'model', by: 'remove', onlyFrom: A } as const
  assert.equal(await records.moveTag(session, NAME, PROD, late), undefined)
  assert.equal(await records.resolve({ name: NAME, tag: PROD }), B)
})

test('an image takes no tag and no number of a model, and a model none of an image', async (t) => {
  const { claim, records, session } = await place(t)
  await claim(A)
  await records.moveTag(session, NAME, PROD, { digest: A, kind: 'model', by: 'add' })
  const image = { digest: B, kind: 'image', by: 'push' } as const
  await assert.rejects(records.moveTag(session, NAME, PROD, image), {
    code: 'CONFLICT',
    message: /belongs to a model/,
  })
  await assert.rejects(records.moveTag(session, NAME, parseTag('1'), image), { code: 'CONFLICT' })
  await records.moveTag(session, NAME, parseTag('web'), image)
  const model = { digest: A, kind: 'model', by: 'tag' } as const
  await assert.rejects(records.moveTag(session, NAME, parseTag('web'), model), { code: 'CONFLICT' })
})

test('removing a version that is not there changes nothing', async (t) => {
  const { claim, records, session } = await place(t)
  await claim(A)
  await records.removeVersion(session, NAME, 7)
  assert.equal((await records.listVersions(NAME)).length, 1)
})

test('a version resolves by number, tag and digest, and to nothing by another name', async (t) => {
  const { claim, move, records } = await place(t)
  await claim(A)
  await move(A)
  for (const text of ['team/sentiment:1', 'team/sentiment:prod', `team/sentiment@${A}`]) {
    assert.equal(await records.resolve(parseReference(text)), A)
  }
  for (const text of [
    'team/sentiment:2',
    'team/sentiment',
    `team/sentiment@${B}`,
    'sentiment:1',
    'team/x:prod',
  ]) {
    assert.equal(await records.resolve(parseReference(text)), undefined)
  }
})

test('a tag that was removed resolves to nothing and can be set again', async (t) => {
  const { move, records } = await place(t)
  await move(A)
  await move(null)
  assert.equal(await records.resolve({ name: NAME, tag: PROD }), undefined)
  assert.deepEqual(await records.listTags(NAME), [])
  assert.deepEqual(await records.listTagNames(NAME), ['prod'])
  await move(B)
  assert.equal(await records.resolve({ name: NAME, tag: PROD }), B)
  assert.deepEqual(
    (await records.history(NAME, PROD)).map(({ record }) => record.digest),
    [A, null, B],
  )
})

test('rolling back twice returns to where the tag was', async (t) => {
  const { claim, move, records, session } = await place(t)
  for (const digest of [A, B, C]) {
    await claim(digest)
    await move(digest)
  }
  const back = async (): Promise<Digest | null> =>
    (await records.rollbackTag(session, NAME, PROD)).record.digest
  assert.deepEqual([await back(), await back(), await back()], [B, C, B])
})

test('moving a tag to where it is already does not hide what was before', async (t) => {
  const { claim, move, records, session } = await place(t)
  for (const digest of [A, B, B]) {
    await claim(digest)
    await move(digest)
  }
  assert.equal((await records.rollbackTag(session, NAME, PROD)).record.digest, A)
})

test('a tag that has never pointed elsewhere cannot be rolled back', async (t) => {
  const { claim, move, records, session } = await place(t)
  await assert.rejects(records.rollbackTag(session, NAME, PROD), { code: 'CONFLICT' })
  await claim(A)
  await move(A)
  await assert.rejects(records.rollbackTag(session, NAME, PROD), { code: 'CONFLICT' })
})

test('rollback passes over versions that were removed', async (t) => {
  const { claim, move, records, session } = await place(t)
  for (const digest of [A, B, C]) {
    await claim(digest)
    await move(digest)
  }
  await records.removeVersion(session, NAME, 2)
  assert.equal((await records.rollbackTag(session, NAME, PROD)).record.digest, A)
  await records.removeVersion(session, NAME, 3)
  await assert.rejects(records.rollbackTag(session, NAME, PROD), { code: 'CONFLICT' })
})

test("a model's numbers never move, an image's tags of digits do", async (t) => {
  const { records, session } = await place(t)
  const tag = parseTag('3')
  const model = { digest: A, kind: 'model', by: 'tag' } as const
  await assert.rejects(records.moveTag(session, NAME, tag, model), { code: 'CONFLICT' })
  await records.moveTag(session, NAME, tag, { ...model, kind: 'image' })
  assert.equal(await records.resolve({ name: NAME, tag }), A)
})

test('moves at once are all kept, and the tag points to the last of them', async (t) => {
  const { move, records } = await place(t)
  const digests = Array.from({ length: 16 }, (_, at) => digestOf(`${at}`))
  await Promise.all(digests.map((digest) => move(digest)))
  const moves = (await records.history(NAME, PROD)).map(({ record }) => record.digest)
  assert.deepEqual(new Set(moves), new Set(digests))
  assert.equal(await records.resolve({ name: NAME, tag: PROD }), moves.at(-1))
})

test('manifests without a tag are known by digest until they are removed', async (t) => {
  const { records, session } = await place(t)
  await records.addUntagged(session, NAME, A)
  await records.addUntagged(session, NAME, A)
  assert.deepEqual(await records.listUntagged(NAME), [A])
  assert.equal(await records.resolve({ name: NAME, digest: A }), A)
  await records.removeUntagged(NAME, A)
  assert.deepEqual(await records.listUntagged(NAME), [])
})

test('names with and without slashes do not get mixed up', async (t) => {
  const { records, session } = await place(t)
  for (const name of ['b/a', 'a', 'b', 'a/b/c', 'a-b']) {
    await records.moveTag(session, parseName(name), PROD, {
      digest: digestOf(name),
      kind: 'model',
      by: 'tag',
    })
  }
  assert.deepEqual(await records.listNames(), ['a', 'a-b', 'a/b/c', 'b', 'b/a'])
  assert.equal(await records.resolve(parseReference('b/a:prod')), digestOf('b/a'))
})

interface Place {
  readonly records: Records
  readonly session: Session
  readonly claim: (digest: Digest, wanted?: number) => Promise<number>
  readonly move: (digest: Digest | null) => Promise<unknown>
}

async function place(t: TestContext): Promise<Place> {
  const store = await temporaryStore(t)
  const session = await store.begin()
  t.after(() => session.close())
  const { records } = store
  return {
    records,
    session,
    claim: async (digest, wanted) =>
      (await records.claimNumber(session, NAME, { digest, from: 'a test', wanted })).number,
    move: (digest) => records.moveTag(session, NAME, PROD, { digest, kind: 'model', by: 'tag' }),
  }
}
