import assert from 'node:assert/strict'
import { open, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { fileOf, flipBit, randomModel } from '../../test/fixtures/store.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { currentGeneration } from './links.ts'
import { readState } from './state.ts'

const ONE = randomModel('version 1')
const TWO = randomModel('version 2')

test('a link leads to the version, and the state says which it is', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const delivery = await version(ONE)
  assert.equal((await follow(delivery)).how, 'delivered')
  assert.match(await readlink(join(target, 'sentiment')), /^\.ballast\/versions\/1-[0-9a-f]{12}$/)
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
  assert.deepEqual((await readdir(target)).sort(), ['.ballast', 'sentiment'])
  const { model, reference, generations } = (await readState(target)).models.sentiment ?? assert.fail()
  assert.deepEqual([model, reference], ['sentiment', 'sentiment:prod'])
  assert.deepEqual(
    generations.map(({ number, by, digest }) => [number, by, digest]),
    [[1, 'mount', delivery.version.digest]],
  )
})

test('a swap is seen through a directory that was open before, and the old version stays whole', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  const held = await open(target, 'r')
  t.after(() => held.close())
  const through = `/proc/self/fd/${held.fd}/sentiment`
  const old = await open(join(through, 'weights.bin'), 'r')
  t.after(() => old.close())
  await follow(await version(TWO))
  assert.deepEqual(await readFile(join(through, 'weights.bin')), TWO['weights.bin'])
  assert.deepEqual(await old.readFile(), ONE['weights.bin'])
  assert.equal((await readdir(join(target, '.ballast/versions'))).length, 2)
})

test('mounting what is there already changes nothing', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const delivery = await version(ONE)
  await follow(delivery)
  const { ino } = await stat(join(target, 'sentiment/'))
  const again = await follow(delivery)
  assert.deepEqual([again.how, again.bytesCopied], ['unchanged', 0])
  assert.equal((await stat(join(target, 'sentiment/'))).ino, ino)
  assert.equal((await readState(target)).models.sentiment?.generations.length, 1)
})

test('going back to the former version copies nothing', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const one = await version(ONE)
  await follow(one)
  await follow(await version(TWO))
  const back = await follow(one)
  assert.deepEqual([back.how, back.bytesCopied], ['delivered', 0])
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
})

test('older versions go, but not before the grace time', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const versions = async (): Promise<string[]> =>
    (await readdir(join(target, '.ballast/versions'))).map((id) => id.split('-')[0] ?? '').sort()
  for (const text of ['a', 'b', 'c']) await follow(await version({ f: text }), { graceMs: 60_000 })
  assert.deepEqual(await versions(), ['1', '2', '3'])
  await sleep(5)
  await follow(await version({ f: 'd' }), { graceMs: 1 })
  assert.deepEqual(await versions(), ['3', '4'])
})

test('targets that share a directory each keep what they have asked for', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const versions = async (): Promise<number> => (await readdir(join(target, '.ballast/versions'))).length
  const long = { name: 'long', graceMs: 60_000, keep: 2 }
  for (const text of ['a', 'b', 'c']) await follow(await version({ f: text }), long)
  await sleep(5)
  for (const text of ['d', 'e']) {
    await follow(await version({ f: text }), { name: 'short', graceMs: 0, keep: 0 })
    await sleep(5)
  }
  // The other way round as well: three of the one, and of the other the present one alone.
  await follow(await version({ f: 'c' }), long)
  assert.equal(await versions(), 4)
})

test('a model of one file is found under its own name too, through the link', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'one' }))
  assert.equal(await readlink(join(target, 'model.pkl')), 'sentiment/model.pkl')
  await follow(await version({ 'model.pkl': 'two' }))
  assert.equal(await readFile(join(target, 'model.pkl'), 'utf8'), 'two')
})

test('the file link moves to the new name when the file is renamed between versions', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'old.pkl': 'one' }))
  await follow(await version({ 'new.pkl': 'two' }))
  assert.deepEqual((await readdir(target)).sort(), ['.ballast', 'new.pkl', 'sentiment'])
  assert.equal(await readFile(join(target, 'new.pkl'), 'utf8'), 'two')
  await follow(await version({ a: '1', b: '2' }))
  assert.deepEqual((await readdir(target)).sort(), ['.ballast', 'sentiment'])
})

test('several models in one target do not disturb each other', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  await follow(await version({ 'x.bin': 'x' }, 'other:prod'), { name: 'other' })
  for (const text of ['1', '2', '3']) await follow(await version({ f: text }))
  assert.equal(await readFile(join(target, 'other/x.bin'), 'utf8'), 'x')
  assert.equal(await readFile(join(target, 'x.bin'), 'utf8'), 'x')
  assert.deepEqual(Object.keys((await readState(target)).models).sort(), ['other', 'sentiment'])
})

test('a link is not taken over by another model whose name ends alike', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE, 'a/sentiment:prod'))
  const before = await pathsIn(target)
  await assert.rejects(follow(await version(TWO, 'b/sentiment:prod')), { code: 'CONFLICT' })
  assert.deepEqual(
    await pathsIn(target),
    before.map((path) => path.replace(/lock\/1/, 'lock/2')),
  )
  assert.equal((await follow(await version(TWO, 'b/sentiment:prod'), { name: 'other' })).how, 'delivered')
})

test('a second model with a file of the same name does not take the file link of the first', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'first' }))
  const second = await follow(await version({ 'model.pkl': 'second' }, 'other:prod'), { name: 'other' })
  assert.match(second.warnings.join(), /other\/model\.pkl only/)
  assert.equal(await readFile(join(target, 'model.pkl'), 'utf8'), 'first')
  assert.equal(await readFile(join(target, 'other/model.pkl'), 'utf8'), 'second')
  await follow(await version({ 'renamed.pkl': 'second' }, 'other:prod'), { name: 'other' })
  assert.equal(await readFile(join(target, 'model.pkl'), 'utf8'), 'first')
})

for (const [what, occupy] of [
  ['a file', (path: string) => writeFile(path, 'mine')],
  ['a directory', (path: string) => writeFiles(path, { x: 'mine' })],
  ['a link of somebody else', (path: string) => symlink('/somewhere/else', path)],
] as const) {
  for (const name of ['sentiment', 'model.pkl']) {
    test(`${what} called ${name} is refused unharmed`, async (t) => {
      const { target, version, follow } = await mountPlace(t)
      await follow(await version({ 'x.bin': 'x' }, 'other:prod'), { name: 'other' })
      await occupy(join(target, name))
      const before = await pathsIn(join(target))
      await assert.rejects(follow(await version({ 'model.pkl': 'one' })), {
        code: 'CONFLICT',
        message: /in the way/,
      })
      const ours = (path: string): boolean => !path.startsWith('.ballast/lock')
      assert.deepEqual((await pathsIn(target)).filter(ours), before.filter(ours))
    })
  }
}

test('a directory with files of others, or a mount of one version, cannot follow and stays as it is', async (t) => {
  const { target, version, follow, pin } = await mountPlace(t)
  const delivery = await version(ONE)
  await writeFiles(target, { 'mine.txt': 'x' })
  await assert.rejects(follow(delivery), { code: 'CONFLICT' })
  assert.deepEqual(await pathsIn(target), ['mine.txt'])
  await rm(target, { recursive: true })
  await pin(delivery)
  const before = await pathsIn(target)
  await assert.rejects(follow(delivery), { code: 'CONFLICT', message: /mount of one version/ })
  assert.deepEqual(await pathsIn(target), before)
})

test('a following target cannot be made a mount of one version', async (t) => {
  const { target, version, follow, pin } = await mountPlace(t)
  const delivery = await version(ONE)
  await follow(delivery)
  for (const replace of [false, true]) await assert.rejects(pin(delivery, { replace }), { code: 'CONFLICT' })
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
})

test('a damaged blob leaves the target on its former version', async (t) => {
  const { store, target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  const two = await version(TWO)
  await flipBit(store.blobs.path(fileOf(two.version, 'weights.bin').digest), { sameTime: true })
  await assert.rejects(follow(two), { code: 'DAMAGED' })
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
  assert.deepEqual((await readdir(join(target, '.ballast'))).sort(), ['lock', 'state.json', 'versions'])
  assert.equal(await store.blobs.stat(fileOf(two.version, 'weights.bin').digest), undefined)
})

test('those who swap at once take turns, and every state is whole', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const deliveries = [await version({ a: '1' }), await version({ a: '2' }), await version({ a: '3' })]
  await Promise.all([...deliveries, ...deliveries].map((delivery) => follow(delivery)))
  const { generations } = (await readState(target)).models.sentiment ?? assert.fail()
  assert.equal(await currentGeneration(target, 'sentiment'), generations.at(-1)?.id)
  assert.ok(['1', '2', '3'].includes(await readFile(join(target, 'sentiment/a'), 'utf8')))
})

test('a reader that opens the file again and again finds it whole at every instant', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const deliveries = [
    await version({ 'm.pkl': 'a'.repeat(5000) }),
    await version({ 'm.pkl': 'b'.repeat(5000) }),
  ]
  const [first, second] = deliveries
  if (first === undefined || second === undefined) assert.fail()
  await follow(first, { graceMs: 60_000 })
  let swapping = true
  let reads = 0
  const reading = (async () => {
    while (swapping) {
      const text = await readFile(join(target, 'm.pkl'), 'utf8')
      assert.match(text, /^(?:a{5000}|b{5000})$/)
      reads++
    }
  })()
  for (let i = 0; i < 10; i++) await follow(i % 2 === 0 ? second : first, { graceMs: 60_000 })
  swapping = false
  await reading
  assert.ok(reads > 10)
})

test('links and files may be called like what every object has', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const delivery = await version({ constructor: 'one file' }, 'constructor:prod')
  const { how, files } = await follow(delivery, { name: 'toString' })
  assert.deepEqual([how, files], ['delivered', ['constructor']])
  assert.equal(await readFile(join(target, 'constructor'), 'utf8'), 'one file')
  assert.equal((await follow(delivery, { name: 'toString' })).how, 'unchanged')
})
