import assert from 'node:assert/strict'
import { readdir, readFile, readlink, realpath, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type MountPlace, mountPlace } from '../../../test/fixtures/mount.ts'
import type { Contents } from '../../../test/fixtures/temporary.ts'
import type { ServerLayout } from '../../model/index.ts'
import type { FollowingOptions } from '../following.ts'
import { readState } from '../state.ts'
import { unmountTarget } from '../unmount.ts'
import { changeVariants } from '../variants.ts'
import { layoutFaults } from './check.ts'

const saved = (text: string): Contents => ({ 'saved_model.pb': text, 'variables/variables.index': text })

interface Place extends MountPlace {
  readonly show: (contents: Contents, options?: Partial<FollowingOptions>) => ReturnType<MountPlace['follow']>
  /** What a server finds in the model's directory. */
  readonly names: (name?: string) => Promise<readonly string[]>
  readonly text: (path: string) => Promise<string>
}

async function laidOut(t: TestContext, layout: ServerLayout): Promise<Place> {
  const place = await mountPlace(t)
  return {
    ...place,
    show: async (contents, options = {}) =>
      place.follow(await place.version(contents), { layout, ...options }),
    names: async (name = 'sentiment') => (await readdir(join(place.target, name))).sort(),
    text: (path) => readFile(join(place.target, path), 'utf8'),
  }
}

test('TensorFlow Serving finds the versions by their numbers, the current one as the highest', async (t) => {
  const { target, show, names, text } = await laidOut(t, 'tfserving')
  assert.deepEqual((await show(saved('one'))).warnings, [])
  assert.deepEqual(await names(), ['1'])
  await show(saved('two'))
  assert.deepEqual(await names(), ['1', '2'])
  await show(saved('three'))
  assert.deepEqual(await names(), ['2', '3'])
  assert.equal(await text('sentiment/3/variables/variables.index'), 'three')
  assert.equal(await text('sentiment/2/saved_model.pb'), 'two')
  assert.deepEqual((await readdir(target)).sort(), ['.ballast', 'sentiment'])
  assert.deepEqual(await layoutFaults(target, 'sentiment'), [])
})

test('as many former versions are shown as are to be kept, and stay in the target', async (t) => {
  const { target, show, names } = await laidOut(t, 'tfserving')
  for (const text of ['a', 'b', 'c', 'd']) await show(saved(text), { keep: 2 })
  assert.deepEqual(await names(), ['2', '3', '4'])
  // As many as before, where nobody says otherwise.
  await show(saved('e'))
  assert.deepEqual(await names(), ['3', '4', '5'])
  await show(saved('f'), { keep: 0 })
  assert.deepEqual(await names(), ['6'])
  assert.deepEqual((await readdir(join(target, '.ballast/versions'))).map((id) => id[0]).sort(), ['6'])
})

test('after a move back no higher number is shown, and after the next move neither is what was left', async (t) => {
  const { target, version, follow, show, names } = await laidOut(t, 'tfserving')
  const one = await version(saved('one'))
  await follow(one, { layout: 'tfserving' })
  await show(saved('two'))
  await follow(one, { by: 'rollback' })
  assert.deepEqual(await names(), ['1'])
  await show(saved('three'), { keep: 5 })
  assert.deepEqual(await names(), ['1', '2', '3'])
  const { generations = [] } = (await readState(target)).models.sentiment ?? {}
  assert.deepEqual(
    generations.map(({ number, by }) => `${number} ${by}`),
    ['1 mount', '2 mount', '1 rollback', '3 mount'],
  )
})

test('what an application did not take is not shown again', async (t) => {
  const { version, follow, show, names } = await laidOut(t, 'tfserving')
  const one = await version(saved('one'))
  await follow(one, { layout: 'tfserving' })
  const { path } = await show(saved('two'), { proof: 'pending' })
  assert.equal(path, 'sentiment')
  const leaves = {
    id: `2-${(await version(saved('two'))).version.digest.slice(7, 19)}`,
    why: 'it does not load',
  }
  await follow(one, { by: 'put back', leaves })
  assert.deepEqual(await names(), ['1'])
  await show(saved('three'), { keep: 5 })
  assert.deepEqual(await names(), ['1', '3'])
})

test('Triton finds the configuration of the current version beside its numbers, and nothing else', async (t) => {
  const { show, names, text } = await laidOut(t, 'triton')
  const model = (text: string): Contents => ({
    'model.onnx': text,
    'config.pbtxt': `# ${text}\noutput [{ name: "label" label_filename: "labels.txt" }]\nname: "sentiment"`,
    'labels.txt': text,
    'warmup/input': text,
    'README.md': text,
  })
  await show(model('one'))
  await show(model('two'))
  assert.deepEqual(await names(), ['1', '2', 'config.pbtxt', 'labels.txt', 'warmup'])
  assert.equal(await text('sentiment/labels.txt'), 'two')
  assert.match(await text('sentiment/config.pbtxt'), /# two/)
  assert.equal(await text('sentiment/1/model.onnx'), 'one')
  // A repository of nothing but models: .ballast is one to Triton, too.
  assert.deepEqual(await names('.ballast/repository'), ['sentiment'])
  assert.equal(await text('.ballast/repository/sentiment/2/model.onnx'), 'two')
})

test('a model directory that was added whole keeps its numbered directory under the number of the version', async (t) => {
  const { show, names, text, version, follow } = await laidOut(t, 'triton')
  await show({ '7/model.onnx': 'one', 'config.pbtxt': '', 'labels.txt': 'labels', 'notes/a': 'a' })
  assert.deepEqual(await names(), ['1', 'config.pbtxt', 'labels.txt', 'notes'])
  assert.equal(await text('sentiment/1/model.onnx'), 'one')
  const both = await version({ '1/model.onnx': 'one', '2-old/model.onnx': 'two' })
  await assert.rejects(follow(both, { layout: 'triton' }), { code: 'REFUSED', message: /1, 2-old/ })
})

test('Triton: a model that is called otherwise in its configuration is refused before anything is copied', async (t) => {
  const { target, version, follow } = await laidOut(t, 'triton')
  const config = 'input { name: "ids" }\nname: "bert" # the model\n'
  const delivery = await version({ 'model.onnx': 'x', 'config.pbtxt': config })
  await assert.rejects(follow(delivery, { layout: 'triton' }), {
    code: 'REFUSED',
    message: /calls the model bert/,
    hint: /--as bert/,
  })
  assert.deepEqual(await readdir(join(target, '.ballast/versions')), [])
  assert.deepEqual((await follow(delivery, { layout: 'triton', name: 'bert' })).warnings, [])
})

test('what a server will not make sense of is said', async (t) => {
  const triton = await laidOut(t, 'triton')
  assert.match((await triton.show({ 'weights.bin': 'x' })).warnings.join(), /no config.pbtxt/)
  const chosen = 'version_policy: { specific: { versions: [7] } }'
  assert.match((await triton.show({ 'model.onnx': 'x', 'config.pbtxt': chosen })).warnings.join(), /specific/)
  const serving = await laidOut(t, 'tfserving')
  assert.match((await serving.show({ 'model.pkl': 'x' })).warnings.join(), /no saved_model.pb/)
  assert.deepEqual((await serving.show({ 'model.xml': 'x', 'model.bin': 'y' })).warnings, [])
})

test('a hub cache has its main, its tag and its numbers, and the snapshot before stays for who has begun with it', async (t) => {
  const { target, version, follow, text } = await laidOut(t, 'hf')
  const name = 'models--acme--sentiment'
  const show = async (contents: Contents) => follow(await version(contents), { layout: 'hf', name })
  await show({ 'config.json': 'one' })
  const first = await text(`${name}/refs/main`)
  assert.match(first, /^[0-9a-f]{40}$/)
  await show({ 'config.json': 'two' })
  const second = await text(`${name}/refs/main`)
  assert.deepEqual((await readdir(join(target, name, 'refs'))).sort(), ['1', '2', 'main', 'prod'])
  assert.deepEqual([await text(`${name}/refs/1`), await text(`${name}/refs/prod`)], [first, second])
  assert.equal(await text(`${name}/snapshots/${first}/config.json`), 'one')
  assert.equal(await text(`${name}/snapshots/${second}/config.json`), 'two')
  const one = await version({ 'config.json': 'one' })
  await follow(one, { name, by: 'rollback' })
  assert.equal(await text(`${name}/refs/main`), first)
  // Who has read main before the rollback still finds its files.
  assert.equal(await text(`${name}/snapshots/${second}/config.json`), 'two')
})

test('files are there once, whatever the layout: no byte is copied for it', async (t) => {
  const { target, version, follow } = await laidOut(t, 'tfserving')
  const delivery = await version(saved('one'))
  const { bytesCopied } = await follow(delivery, { layout: 'tfserving' })
  assert.equal(bytesCopied, 6)
  const again = await follow(delivery, { layout: 'hf', name: 'models--sentiment' })
  assert.equal(again.bytesCopied, 0)
  const snapshot = join(target, 'models--sentiment/snapshots')
  const [revision = ''] = await readdir(snapshot)
  assert.equal(await realpath(join(snapshot, revision)), await realpath(join(target, 'sentiment/1')))
})

test('a layout is not changed in passing, neither pinned nor followed', async (t) => {
  const { version, follow, show } = await laidOut(t, 'triton')
  const one = await version({ 'model.onnx': 'one' })
  await follow(one, { layout: 'triton', pinned: true })
  await assert.rejects(follow(one, { layout: 'tfserving', pinned: true }), {
    code: 'CONFLICT',
    hint: /--layout triton/,
  })
  await assert.rejects(follow(one, { pinned: true }), { code: 'CONFLICT' })
  await assert.rejects(show({ 'model.onnx': 'two' }), { code: 'CONFLICT', message: /one version/ })
  await assert.rejects(show({ 'model.onnx': 'two' }, { pinned: true }), {
    code: 'CONFLICT',
    hint: /--replace/,
  })
  assert.equal((await show({ 'model.onnx': 'two' }, { pinned: true, replace: true })).how, 'delivered')
  await follow(one, { name: 'plain' })
  await assert.rejects(follow(one, { name: 'plain', layout: 'triton' }), { code: 'CONFLICT' })
})

test('a view that was left stays for the grace time, with all that it shows', async (t) => {
  const { target, show } = await laidOut(t, 'tfserving')
  const views = async () => readdir(join(target, '.ballast/views'))
  const held: string[] = []
  for (const text of ['a', 'b', 'c', 'd']) {
    await show(saved(text), { graceMs: 60_000, keep: 0 })
    held.push(await realpath(join(target, 'sentiment')))
  }
  assert.equal((await views()).length, 4)
  for (const [at, view] of held.entries()) assert.deepEqual(await readdir(view), [`${at + 1}`])
  const long = new Date(Date.now() - 120_000)
  for (const view of await views()) await utimes(join(target, '.ballast/views', view), long, long)
  await show(saved('e'), { graceMs: 60_000, keep: 0 })
  // The one that has just been left counts from then.
  assert.equal((await views()).length, 2)
})

test('what was done to a view is found, and mended by the next delivery', async (t) => {
  const { target, version, follow } = await laidOut(t, 'triton')
  const one = await version({ 'model.onnx': 'one' })
  const deliver = () => follow(one, { layout: 'triton', graceMs: 60_000 })
  await deliver()
  await rm(join(target, 'sentiment/1'))
  assert.match((await layoutFaults(target, 'sentiment')).join(), /does not find/)
  await deliver()
  assert.deepEqual(await layoutFaults(target, 'sentiment'), [])
  await writeFile(join(target, 'sentiment/2'), 'a file is no version')
  assert.deepEqual(await layoutFaults(target, 'sentiment'), [])
  await rm(join(target, '.ballast/repository/sentiment'))
  assert.match((await layoutFaults(target, 'sentiment')).join(), /Triton/)
  await deliver()
  assert.deepEqual(await layoutFaults(target, 'sentiment'), [])
})

test('a view that comes back is newer than what is left, because Triton looks for that', async (t) => {
  const { target, version, follow, show } = await laidOut(t, 'triton')
  const one = await version({ 'model.onnx': 'one' })
  const time = async () => (await stat(join(target, 'sentiment'), { bigint: true })).mtimeNs
  await follow(one, { layout: 'triton', graceMs: 60_000, keep: 0 })
  const first = await readlink(join(target, 'sentiment'))
  await show({ 'model.onnx': 'two' }, { graceMs: 60_000, keep: 0 })
  const second = await time()
  await follow(one, { by: 'rollback', graceMs: 60_000 })
  assert.equal(await readlink(join(target, 'sentiment')), first)
  assert.ok((await time()) > second)
})

test('a version without a number has no place among numbers', async (t) => {
  const { version, follow } = await laidOut(t, 'tfserving')
  const { version: files, marker } = await version(saved('one'))
  const nameless = { version: files, marker: { ...marker, number: 0 } }
  await assert.rejects(follow(nameless, { layout: 'tfserving' }), { code: 'REFUSED', message: /no number/ })
  assert.equal((await follow(nameless, { layout: 'hf', name: 'models--sentiment' })).how, 'delivered')
})

test('unmounting leaves nothing', async (t) => {
  const { target, show } = await laidOut(t, 'triton')
  await show({ 'model.onnx': 'one' })
  assert.deepEqual(await unmountTarget(target), { kept: [] })
  await assert.rejects(stat(target), { code: 'ENOENT' })
})

test('variants are for applications that pick: a layout has none', async (t) => {
  const { store, target, show } = await laidOut(t, 'tfserving')
  await show(saved('one'))
  const edit = { weights: new Map([['stable', 1]]), withdrawn: [], routes: new Map() }
  const request = { target, link: 'sentiment', deliveries: new Map(), ofLink: ['stable'], edit }
  await assert.rejects(changeVariants(store, request, { by: 'split', link: false, graceMs: 0 }), {
    code: 'REFUSED',
    message: /laid out for tfserving/,
  })
})
