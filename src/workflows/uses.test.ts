import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { addVersion, randomModel, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import type { Digest } from '../core/index.ts'
import { LATEST, parseName } from '../model/index.ts'
import type { Store, Use } from '../store/index.ts'
import { mount, mountFollowing } from './mount.ts'
import { tidyUses } from './tidy-uses.ts'
import { readUsedBy } from './used-by.ts'
import { lookAtUses } from './uses.ts'

async function storeOf(t: TestContext, versions: number): Promise<{ store: Store; digests: Digest[] }> {
  const store = await temporaryStore(t)
  const digests: Digest[] = []
  for (let number = 1; number <= versions; number++) {
    digests.push((await addVersion(store, 'sentiment', randomModel(`${number}`))).version.digest)
  }
  return { store, digests }
}

function useOf(digest: Digest | undefined, use: Partial<Use>): Omit<Use, 'time'> {
  return {
    ...{ kind: 'image', place: 'app:v1', host: hostname(), model: parseName('sentiment') },
    ...{ digest: digest ?? assert.fail(), number: 1, reference: 'sentiment:1' },
    ...use,
  }
}

const presences = async (store: Store): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries((await lookAtUses(store)).map(({ place, number, is }) => [`${place} ${number}`, is]))

test('a target is a use for as long as it is there and has that version', async (t) => {
  const { store, digests } = await storeOf(t, 3)
  const directory = await temporaryDirectory(t)
  const [pinned, following] = [join(directory, 'pinned'), join(directory, 'following')]
  await mount(store, { ref: 'sentiment:1', target: pinned })
  await mountFollowing(store, { ref: 'sentiment:latest', target: following })
  assert.deepEqual(await presences(store), { [`${pinned} 1`]: 'there', [`${following} 3`]: 'there' })
  // As another store, or a rollback of an older Ballast, would.
  await using session = await store.begin()
  await store.uses.record(
    session,
    useOf(digests[1], { kind: 'target', place: following, link: 'sentiment', number: 2 }),
  )
  await rm(pinned, { recursive: true })
  assert.deepEqual(await presences(store), { [`${pinned} 1`]: 'gone', [`${following} 2`]: 'gone' })
  const usedBy = await readUsedBy(store)
  assert.deepEqual(
    digests.flatMap((digest) => usedBy(digest)),
    [],
  )
  await mount(store, { ref: 'sentiment:2', target: pinned })
  assert.deepEqual(
    (await readUsedBy(store))(digests[1] as Digest).map(({ place }) => place),
    [pinned],
  )
})

test('what was brought to another host counts for a month, and images and remotes as they are told', async (t) => {
  const { store, digests } = await storeOf(t, 1)
  await using session = await store.begin()
  const [digest] = digests
  await store.uses.record(session, useOf(digest, { kind: 'target', place: '/srv', host: 'web1' }))
  await store.uses.record(session, useOf(digest, {}))
  await store.uses.record(session, useOf(digest, { kind: 'remote', place: 'registry.example/sentiment' }))
  assert.deepEqual(await presences(store), {
    '/srv 1': 'unknown',
    'app:v1 1': 'unknown',
    'registry.example/sentiment 1': 'unknown',
  })
  const told = (await readUsedBy(store))(digest as Digest)
  assert.deepEqual(
    told.map(({ kind }) => kind),
    ['target', 'image'],
  )
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * 24 * 60 * 60_000 })
  assert.equal((await presences(store))['/srv 1'], 'gone')
})

test('gc forgets what is no use any more, and keeps where a model was pushed', async (t) => {
  const { store, digests } = await storeOf(t, 2)
  const [first, second] = digests
  await using session = await store.begin()
  await store.uses.record(session, useOf(first, { place: 'app:v1' }))
  await store.uses.record(session, useOf(second, { place: 'app:v2', number: 2 }))
  await store.uses.record(session, useOf(first, { kind: 'remote', place: 'registry.example/sentiment' }))
  await store.uses.record(session, useOf(first, { kind: 'target', place: '/nowhere/at/all' }))
  await store.records.removeVersions(session, parseName('sentiment'), [1])
  await tidyUses(store, await lookAtUses(store))
  assert.deepEqual((await store.uses.list()).map(({ place }) => place).sort(), [
    'app:v2',
    'registry.example/sentiment',
  ])
  const name = parseName('sentiment')
  await store.records.removeVersions(session, name, [1, 2, 7])
  await store.records.moveTag(session, name, LATEST, { digest: null, kind: 'model', by: 'remove' })
  await tidyUses(store, await lookAtUses(store))
  assert.deepEqual(await store.uses.list(), [])
})
