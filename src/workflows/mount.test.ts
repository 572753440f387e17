import assert from 'node:assert/strict'
import { chmod, cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { addVersion, fileOf, flipBit, randomModel, temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn, temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { type BallastError, isBallastError } from '../core/index.ts'
import { unmountTarget } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { check } from './check.ts'
import { history } from './history.ts'
import { follow, type MountResult, mount, mountFollowing } from './mount.ts'
import { rollback } from './rollback.ts'
import { rollbackTag, tag } from './tag.ts'

const ACCESS = { access: { dockerConfig: '/nonexistent' } }

test('a version is mounted by number, tag and digest', async (t) => {
  const { store, target } = await place(t)
  const { version } = await addVersion(store, 'sentiment:prod', randomModel('one'))
  for (const [at, ref] of ['sentiment:1', 'sentiment:prod', `sentiment@${version.digest}`].entries()) {
    const result = await mount(store, { ref, target: `${target}-${at}` })
    assert.deepEqual(
      [result.version, result.digest, result.how],
      ['sentiment:1', version.digest, 'delivered'],
    )
    assert.deepEqual([result.path, result.mountAt], ['', 'path'])
  }
  const marker = JSON.parse(await readFile(`${target}-1/.ballast/model.json`, 'utf8'))
  assert.deepEqual(marker, {
    model: 'sentiment',
    digest: version.digest,
    number: 1,
    reference: 'sentiment:prod',
  })
})

test('a following target says where a container mounts it', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'team/sentiment', { 'model.pkl': 'one file' })
  await addVersion(store, 'large', { a: '1', b: '2' })
  const single = await mountFollowing(store, { ref: 'team/sentiment', target })
  assert.deepEqual([single.path, single.mountAt], ['sentiment', 'path'])
  const several = await mountFollowing(store, { ref: 'large', target, as: 'models' })
  assert.deepEqual([several.path, several.mountAt], ['models', 'parent'])
})

test('a model that is not there mounts nothing and makes no target', async (t) => {
  const { store, target } = await place(t)
  await assert.rejects(mount(store, { ref: 'sentiment', target }), { code: 'NOT_FOUND' })
  await assert.rejects(mountFollowing(store, { ref: 'sentiment', target }), { code: 'NOT_FOUND' })
  assert.deepEqual(await pathsIn(join(target, '..')), [])
})

test('a damaged or missing blob refuses the mount with the way out', async (t) => {
  for (const harm of [flipBit, rm]) {
    const { store, target } = await place(t)
    const { version } = await addVersion(store, 'sentiment', randomModel('one'))
    await harm(store.blobs.path(fileOf(version, 'weights.bin').digest))
    const error = await mount(store, { ref: 'sentiment', target }).catch((caught: unknown) => caught)
    assert.ok(isBallastError(error, 'DAMAGED'), `${error}`)
    assert.match(error.hint ?? '', /ballast add sentiment/)
    assert.deepEqual(await pathsIn(join(target, '..')), [])
  }
})

test('--as belongs to following targets', async (t) => {
  const { store, target } = await place(t)
  await assert.rejects(mount(store, { ref: 'sentiment', target, as: 'x' }), { code: 'USAGE' })
})

test('a target follows its tag until it is told to stop', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'one' })
  const controller = new AbortController()
  const swaps: MountResult[] = []
  const troubles: BallastError[] = []
  const following = follow(
    store,
    { ref: 'sentiment:prod', target },
    {
      signal: controller.signal,
      onSwap: (result) => swaps.push(result),
      onTrouble: (error) => troubles.push(error),
    },
  )
  following.catch(() => undefined)
  await until(() => swaps.length === 1)
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'two' })
  await until(() => swaps.length === 2)
  assert.equal(await readFile(join(target, 'm.pkl'), 'utf8'), 'two')
  await rollbackTag(store, 'sentiment:prod')
  await until(() => swaps.length === 3)
  assert.equal(await readFile(join(target, 'm.pkl'), 'utf8'), 'one')
  assert.deepEqual(
    swaps.map(({ version }) => version),
    ['sentiment:1', 'sentiment:2', 'sentiment:1'],
  )
  controller.abort()
  await following
  assert.deepEqual(troubles, [])
})

test('a version that cannot be delivered leaves the target where it is, and is told', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'one' })
  const { version } = await addVersion(store, 'sentiment:next', { 'm.pkl': 'two' })
  await flipBit(store.blobs.path(fileOf(version, 'm.pkl').digest))
  const controller = new AbortController()
  const troubles: BallastError[] = []
  let swaps = 0
  const following = follow(
    store,
    { ref: 'sentiment:prod', target },
    {
      signal: controller.signal,
      onSwap: () => {
        swaps++
      },
      onTrouble: (error) => troubles.push(error),
    },
  )
  following.catch(() => undefined)
  await until(() => swaps === 1)
  await tag(store, ['sentiment:next', 'prod'])
  await until(() => troubles.length > 0)
  controller.abort()
  await following
  assert.equal(troubles[0]?.code, 'DAMAGED')
  assert.equal(await readFile(join(target, 'm.pkl'), 'utf8'), 'one')
})

test('one process follows a link at a time, and unmount waits until it has been stopped', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:a', { 'm.pkl': 'one' })
  await addVersion(store, 'sentiment:b', { 'm.pkl': 'two' })
  const controller = new AbortController()
  let swaps = 0
  const events = { onSwap: () => void swaps++, onTrouble: () => undefined, signal: controller.signal }
  const following = follow(store, { ref: 'sentiment:a', target }, events)
  await until(() => swaps === 1)
  await assert.rejects(follow(store, { ref: 'sentiment:b', target }, events), { code: 'CONFLICT' })
  await assert.rejects(unmountTarget(target), { code: 'CONFLICT' })
  assert.equal(await readFile(join(target, 'm.pkl'), 'utf8'), 'one')
  controller.abort()
  await following
  assert.deepEqual(await unmountTarget(target), { kept: [] })
})

test('what never moves cannot be followed, and nothing is mounted inside the store', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'one' })
  const events = { onSwap: () => undefined, onTrouble: () => undefined }
  await assert.rejects(follow(store, { ref: 'sentiment:1', target }, events), { code: 'USAGE' })
  const inside = join(store.root, 'models')
  await assert.rejects(mount(store, { ref: 'sentiment:1', target: inside }), { code: 'REFUSED' })
})

test('whatever is done to the files of a mount, the store’s bytes are out of reach', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { a: 'first', b: 'second', c: 'third', d: 'fourth' })
  await mount(store, { ref: 'sentiment:prod', target })
  await writeFile(join(target, 'a'), 'overwritten')
  await truncate(join(target, 'b'))
  await chmod(join(target, 'c'), 0o777)
  await rm(join(target, 'd'))
  const { problems, blobs } = await store.verify()
  assert.deepEqual(problems, [])
  assert.equal(blobs, 6)
})

test('a file that is called like the link leaves the model to the directory', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { sentiment: 'one' })
  const { mountAt, path } = await mountFollowing(store, { ref: 'sentiment:prod', target })
  assert.deepEqual([mountAt, path], ['parent', 'sentiment'])
})

test('a following target is rolled back and forth, goes on following its tag, and remembers', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'one' })
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  await assert.rejects(rollback(store, target, ACCESS), { code: 'CONFLICT' })
  await addVersion(store, 'sentiment:prod', { 'm.pkl': 'two' })
  await mountFollowing(store, { ref: 'sentiment:prod', target })
  for (const [number, text] of [
    [1, 'one'],
    [2, 'two'],
  ] as const) {
    const back = await rollback(store, target, ACCESS)
    assert.equal(back.number, number)
    assert.match(back.warnings.join(), /ballast rollback sentiment:prod$/)
    assert.equal(await readFile(join(target, 'm.pkl'), 'utf8'), text)
  }
  assert.deepEqual(
    (await history(store, target, ACCESS)).map(({ by, number }) => [by, number]),
    [
      ['mount', 1],
      ['mount', 2],
      ['rollback', 1],
      ['rollback', 2],
    ],
  )
})

test('a target that follows nothing has no history and cannot be rolled back', async (t) => {
  const { store, target } = await place(t)
  await mkdir(target)
  await assert.rejects(history(store, target, ACCESS), { code: 'NOT_FOUND' })
  await assert.rejects(rollback(store, target, ACCESS), { code: 'NOT_FOUND' })
})

test('a check of a mounted version tells what it is, and what to do about a fault', async (t) => {
  const { store, target } = await place(t)
  const { version } = await addVersion(store, 'sentiment:prod', randomModel('one'))
  await mount(store, { ref: 'sentiment:prod', target })
  const [whole] = await check(store, target)
  assert.deepEqual(whole, {
    operand: target,
    version: 'sentiment:1',
    digest: version.digest,
    faults: [],
    extra: [],
    mend: undefined,
  })
  await writeFile(join(target, 'config.json'), '')
  const [changed] = await check(store, target)
  assert.equal(changed?.faults.length, 1)
  assert.equal(changed?.mend, `mount it again: ballast mount sentiment:prod ${target} --replace`)
})

test('a check needs no store, and a restored backup passes it', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment', randomModel('one'))
  await mount(store, { ref: 'sentiment', target })
  await cp(target, `${target}-restored`, { recursive: true })
  await rm(store.root, { recursive: true })
  for (const full of [false, true]) {
    const [result] = await check(store, `${target}-restored`, { full })
    assert.deepEqual([result?.version, result?.faults], ['sentiment:1', []])
  }
})

test('a check of a following target gives one result a link', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment', { a: '1', b: '2' })
  await addVersion(store, 'other', { c: '3', d: '4' })
  await mountFollowing(store, { ref: 'sentiment', target })
  await mountFollowing(store, { ref: 'other', target })
  assert.deepEqual(
    (await check(store, target)).map(({ version, faults }) => [version, faults]),
    [
      ['sentiment:1', []],
      ['other:1', []],
    ],
  )
  await rm(join(target, 'other'))
  const [, other] = await check(store, target)
  assert.deepEqual(other?.faults, ['the version that the link leads to is not there'])
})

test('a check of what holds no mount says so', async (t) => {
  const { store, target } = await place(t)
  const faultAt = async (): Promise<string> => (await check(store, target))[0]?.faults.join() ?? ''
  assert.match(await faultAt(), /does not exist/)
  await mkdir(target)
  assert.match(await faultAt(), /is empty/)
  await writeFile(join(target, 'mine'), '')
  assert.match(await faultAt(), /did not deliver/)
  await rm(join(target, 'mine'))
  await mkdir(join(target, '.ballast/versions'), { recursive: true })
  assert.match(await faultAt(), /holds no model yet/)
})

test('a check of a version in the store finds what is damaged or missing', async (t) => {
  const { store } = await place(t)
  const { version } = await addVersion(store, 'sentiment', randomModel('one'))
  assert.deepEqual((await check(store, 'sentiment'))[0]?.faults, [])
  await flipBit(store.blobs.path(fileOf(version, 'weights.bin').digest), { sameTime: true })
  await rm(store.blobs.path(fileOf(version, 'config.json').digest))
  assert.deepEqual((await check(store, 'sentiment'))[0]?.faults, ['config.json: missing'])
  const [full] = await check(store, 'sentiment', { full: true })
  assert.deepEqual(full?.faults, ['config.json: missing', 'weights.bin: damaged'])
  assert.match(full?.mend ?? '', /ballast add sentiment/)
})

async function place(t: TestContext): Promise<{ store: Store; target: string }> {
  return { store: await temporaryStore(t), target: join(await temporaryDirectory(t), 'models') }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not happen within ten seconds')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('a mount that was killed before it wrote the state is there all the same, and is checked', async (t) => {
  const { store, target } = await place(t)
  await addVersion(store, 'sentiment', randomModel('one'))
  await mountFollowing(store, { ref: 'sentiment', target })
  await rm(join(target, '.ballast/state.json'))
  const [result] = await check(store, target)
  assert.deepEqual([result?.version, result?.faults], ['sentiment:1', []])
})
