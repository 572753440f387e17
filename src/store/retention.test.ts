import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addVersion, randomModel, storeVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { type Digest, digestOf } from '../core/index.ts'
import { parseName, parseTag } from '../model/index.ts'
import type { Holding } from './choose-versions.ts'
import { candidatesFor, type RetentionPolicy, type VersionFacts, withinBudget } from './retention.ts'
import type { Store } from './store.ts'
import type { Use } from './uses.ts'

const NAME = parseName('sentiment')
const DAY = 86_400_000
const NOW = Date.parse('2026-03-31T00:00:00Z')

function version(number: number, daysAgo: number, model = 'sentiment'): VersionFacts {
  const time = new Date(NOW - daysAgo * DAY).toISOString()
  return { model: parseName(model), number, digest: digestOf(`${model}:${number}`), time }
}

function freeOf(versions: readonly VersionFacts[], policy: RetentionPolicy): readonly string[] {
  const { free, kept } = candidatesFor(versions, { policy, held: () => [], now: NOW })
  assert.equal(free.length + kept.length, versions.length)
  return free.map(({ model, number }) => `${model}:${number}`)
}

test('the last of each model and what is young stay; the rest is free, the oldest first', () => {
  const versions = [version(1, 90), version(2, 60), version(3, 20), version(4, 1), version(1, 80, 'other')]
  assert.deepEqual(freeOf(versions, { keepLast: 1 }), ['sentiment:1', 'sentiment:2', 'sentiment:3'])
  assert.deepEqual(freeOf(versions, { keepLast: 3 }), ['sentiment:1'])
  assert.deepEqual(freeOf(versions, { keepWithinMs: 30 * DAY }), ['sentiment:1', 'sentiment:2'])
  assert.deepEqual(freeOf(versions, { keepLast: 3, keepWithinMs: 30 * DAY }), ['sentiment:1'])
  assert.deepEqual(freeOf(versions, { budget: 0 }), ['sentiment:1', 'sentiment:2', 'sentiment:3'])
})

test('a time that nobody can read, or of a clock that was ahead, makes nothing old', () => {
  const odd = [{ ...version(1, 90), time: 'yesterday' }, version(2, -400), version(3, 0)]
  assert.deepEqual(freeOf(odd, { keepWithinMs: DAY }), [])
})

test('a budget takes the oldest first, and counts what several versions share once', () => {
  const [a, b, c] = [version(1, 3), version(2, 2), version(3, 1)]
  const blobs = new Map([
    [a, ['shared', 'a']],
    [b, ['shared', 'b']],
    [c, ['needed', 'c']],
  ])
  const sizes: Record<string, number> = { shared: 100, a: 10, b: 20, c: 40, needed: 1000 }
  const weights = {
    sizeOf: (digest: string) => sizes[digest] ?? 0,
    blobsOf: (of: VersionFacts) => blobs.get(of) ?? [],
    isNeeded: (digest: string) => digest === 'needed',
  } as unknown as Parameters<typeof withinBudget>[1]['weights']
  const left = (budget: number) => {
    const { removed, after } = withinBudget([a, b, c], { before: 1170, budget, weights })
    return [removed.length, after]
  }
  assert.deepEqual(left(1170), [0, 1170])
  assert.deepEqual(left(1169), [1, 1160])
  assert.deepEqual(left(1100), [2, 1040])
  assert.deepEqual(left(1000), [3, 1000])
  assert.deepEqual(left(10), [3, 1000])
})

async function remaining(store: Store): Promise<readonly number[]> {
  return (await store.records.listVersions(NAME)).map(({ number }) => number)
}

const retaining = (policy: RetentionPolicy, holdings: readonly Holding[] = []) => ({
  retention: { policy, holdings: async () => holdings },
})

test('gc by policy removes versions with their bytes, and keeps what something holds, by name', async (t) => {
  const store = await temporaryStore(t)
  const digests: Digest[] = []
  for (let number = 1; number <= 6; number++)
    digests.push((await addVersion(store, 'sentiment', randomModel(`${number}`))).version.digest)
  const digestAt = (number: number) => digests[number - 1] ?? assert.fail()
  await using session = await store.begin()
  for (const number of [1, 2]) {
    const move = { digest: digestAt(number), kind: 'model', by: 'tag' } as const
    await store.records.moveTag(session, NAME, parseTag('prod'), move)
  }
  await session.lease([digestAt(4)])
  const target: Holding = { digest: digestAt(5), hold: { kind: 'target', by: '/srv/models' } }
  const dry = await store.gc({ dryRun: true, ...retaining({ keepLast: 1 }, [target]) })
  assert.deepEqual(await remaining(store), [1, 2, 3, 4, 5, 6])
  const report = await store.gc(retaining({ keepLast: 1 }, [target]))
  assert.deepEqual(report, dry)
  assert.deepEqual(await remaining(store), [1, 2, 4, 5, 6])
  assert.deepEqual(
    report.retention?.removed.map(({ number }) => number),
    [3],
  )
  assert.ok(report.removed.some(({ digest }) => digest === digestAt(3)))
  assert.deepEqual(
    report.retention?.kept.map(({ number, because }) => [number, because.map(({ kind }) => kind)]),
    [
      [1, ['rollback']],
      [2, ['tag']],
      [4, ['lease']],
      [5, ['target']],
      [6, ['newest', 'tag']],
    ],
  )
  assert.deepEqual((await store.verify()).problems, [])
  assert.equal(await store.isProjected(), true)
})

test('what is leased after the lock of gc was taken waits, and finds the version gone or kept', async (t) => {
  const store = await temporaryStore(t)
  const first = await addVersion(store, 'sentiment', randomModel('1'))
  await addVersion(store, 'sentiment', randomModel('2'))
  await using session = await store.begin()
  let leased: Promise<void> | undefined
  const holdings = async (): Promise<readonly Holding[]> => {
    leased = session.lease([first.version.digest])
    return []
  }
  await store.gc({ retention: { policy: { keepLast: 1 }, holdings } })
  await leased
  assert.equal(await store.blobs.stat(first.version.digest), undefined)
  assert.deepEqual(await remaining(store), [2])
})

test('without a policy no version goes', async (t) => {
  const store = await temporaryStore(t)
  for (let number = 1; number <= 3; number++) await addVersion(store, 'sentiment', randomModel(`${number}`))
  await store.gc()
  assert.deepEqual(await remaining(store), [1, 2, 3])
})

test('the policy of a store is read as it was written, and not at all where it is damaged', async (t) => {
  const store = await temporaryStore(t)
  assert.equal(await store.retention.read(), undefined)
  await using session = await store.begin()
  await store.retention.write(session, { keepLast: 5, budget: 1000 })
  assert.deepEqual(await store.retention.read(), { keepLast: 5, budget: 1000 })
  await store.retention.write(session, {})
  await assert.rejects(store.retention.read(), { code: 'DAMAGED' })
  await store.retention.write(session, undefined)
  assert.equal(await store.retention.read(), undefined)
})

test('a use is one for each place, and is forgotten unless the place was given another version', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const { digest } = await storeVersion(store, session, randomModel('1'))
  const other = await storeVersion(store, session, randomModel('2'))
  const use: Omit<Use, 'time'> = {
    kind: 'target',
    place: '/srv/models',
    host: 'web1',
    model: NAME,
    digest,
    number: 1,
    reference: 'sentiment:prod',
  }
  await store.uses.record(session, use)
  const [noted] = await store.uses.list()
  assert.ok(noted)
  const { time, ...rest } = noted
  assert.deepEqual(rest, use)
  await store.uses.record(session, use)
  assert.equal((await store.uses.list())[0]?.time, time)
  await store.uses.record(session, { ...use, digest: other.digest, number: 2 })
  await store.uses.forget(noted)
  assert.deepEqual(
    (await store.uses.list()).map(({ number }) => number),
    [2],
  )
  for (const found of await store.uses.list()) await store.uses.forget(found)
  assert.deepEqual(await store.uses.list(), [])
})
