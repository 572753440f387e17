import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BASE, createWorld, filesOf } from '../../test/fixtures/embed-world.ts'
import type { BaseEntry } from '../../test/fixtures/image-layout.ts'
import { addVersion, fileOf, flipBit } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { openLayout, readLabel } from '../oci/index.ts'
import { readImage } from './base-image.ts'
import { formerImages, previousImage, replaceImage } from './former-images.ts'

test('the model is at /models/NAME and, through a relative link, at the path; the parent keeps its owner and mode', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'nlp/sentiment', { 'w.bin': 'weights', 'sub/c.json': '{}' })
  await embedAs('nlp/sentiment', { path: '/app/models' })
  const files = await filesOf(layout, 'v1')
  assert.ok(files.has('models/sentiment/w.bin') && files.has('models/sentiment/sub/c.json'))
  assert.equal(files.get('app/models')?.link, '../models/sentiment')
  assert.deepEqual(files.get('app'), { mode: 0o750, uid: 1000 })
  const [model] = readLabel((await readImage(layout, { reference: 'v1' })).config)
  assert.deepEqual([model?.model, model?.number, model?.path], ['nlp/sentiment', 1, '/app/models'])
})

test('embedding again replaces exactly the former layers, keeps the path, and sends only what changed', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { 'big.bin': Buffer.alloc(70 * 1024 * 1024, 1), 'config.json': '1' })
  const first = await embedAs('m', { path: '/app/models' })
  await addVersion(store, 'm', { 'big.bin': Buffer.alloc(70 * 1024 * 1024, 1), 'config.json': '2' })
  const second = await embedAs('m', { base: 'v1' })
  assert.equal(second.layers.length, first.layers.length)
  assert.deepEqual(
    second.layers.map(({ how }) => how),
    ['exists', 'exists', 'sent', 'sent'],
  )
  assert.ok(second.bytesSent < 20_000, `${second.bytesSent} bytes sent`)
  assert.equal((await filesOf(layout, 'v1')).get('app/models')?.link, '../models/m')
  assert.equal((await readImage(layout, { reference: 'v1' })).layers.length, 4)
})

test('a second model joins the first, and neither may take the other’s place', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'a', { f: 'a' })
  await addVersion(store, 'b', { f: 'b' })
  await embedAs('a', { path: '/app/a' })
  await embedAs('b', { base: 'v1', path: '/app/b' })
  const names = readLabel((await readImage(layout, { reference: 'v1' })).config).map(({ name }) => name)
  assert.deepEqual(names, ['a', 'b'])
  await assert.rejects(embedAs('b', { base: 'v1', path: '/app/a' }), (error) =>
    isBallastError(error, 'REFUSED'),
  )
})

test('same inputs give the same image', async (t) => {
  const digests = []
  for (const _ of [1, 2]) {
    const { store, embedAs } = await createWorld(t)
    await addVersion(store, 'm', { f: 'x', 'd/g': 'y' })
    digests.push((await embedAs('m', { path: '/app/models' })).digest)
  }
  assert.equal(digests[0], digests[1])
})

test('what placement would hide is refused, and the result’s tag stays as it was', async (t) => {
  const { store, layout, embedAs } = await createWorld(t, { config: { Volumes: { '/data': {} } } })
  await addVersion(store, 'm', { f: 'x' })
  for (const path of ['/app', '/app/main.py', '/app/main.py/x', '/data/models', '/data', '/', '/app/../x']) {
    await assert.rejects(
      embedAs('m', { path }),
      (error) => isBallastError(error, 'REFUSED') && error.hint !== undefined,
      path,
    )
  }
  assert.equal(await layout.getManifest('v1'), undefined)
})

test('an empty directory of the base gives way to the link, and so does one that a whiteout has emptied', async (t) => {
  const lower: BaseEntry[] = [
    { path: 'srv/' },
    { path: 'srv/old/' },
    { path: 'srv/old/model.bin', text: 'old' },
  ]
  const upper: BaseEntry[] = [{ path: 'srv/old/.wh.model.bin', text: '' }]
  const { store, layout, embedAs } = await createWorld(t, { layers: [BASE, lower, upper] })
  await addVersion(store, 'm', { f: 'x' })
  await embedAs('m', { path: '/app/empty' })
  assert.equal((await filesOf(layout, 'v1')).get('app/empty')?.link, '../models/m')
  await embedAs('m', { path: '/srv/old', tag: 'v2' })
  assert.equal((await filesOf(layout, 'v2')).get('srv/old')?.link, '../models/m')
})

test('a damaged blob is refused, never embedded', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  const { version } = await addVersion(store, 'm', { f: 'some weights' })
  await flipBit(store.blobs.path(fileOf(version, 'f').digest), { sameTime: true })
  await assert.rejects(embedAs('m'), (error) => isBallastError(error, 'DAMAGED'))
  assert.equal(await layout.getManifest('v1'), undefined)
  assert.equal(await store.blobs.stat(fileOf(version, 'f').digest), undefined, 'it is known from now on')
})

test('an image that a tag pointed to stays under a tag of its own, and rolling back twice returns', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  const digests = []
  for (const text of ['1', '2', '3']) {
    await addVersion(store, 'm', { f: text })
    digests.push((await embedAs('m')).digest)
  }
  assert.deepEqual(
    (await formerImages(layout, 'v1')).map(({ tag }) => tag),
    ['v1.was-1', 'v1.was-2'],
  )
  const back = async (): Promise<string | undefined> => {
    await replaceImage(layout, { tag: 'v1', manifest: await previousImage(layout, 'v1') })
    return (await layout.getManifest('v1'))?.digest
  }
  assert.equal(await back(), digests[1])
  assert.equal(await back(), digests[2])
})

test('fields of the base’s config that Ballast does not know survive', async (t) => {
  const { store, layout, embedAs } = await createWorld(t, {
    config: { Env: ['A=1'], OnBuild: ['RUN x'], Unknown: { deep: [1] } },
  })
  await addVersion(store, 'm', { f: 'x' })
  await embedAs('m')
  const { config } = await readImage(layout, { reference: 'v1' })
  const { Labels, ...rest } = config.config as Record<string, unknown>
  assert.deepEqual(rest, { Env: ['A=1'], OnBuild: ['RUN x'], Unknown: { deep: [1] } })
  assert.ok(Labels)
})

test('into a layout without naming a tag: the image is the layout’s untagged one', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  const layout = await openLayout(join(await temporaryDirectory(t), 'out'), { create: true })
  const { digest } = await embedAs('m', { tag: '', into: layout })
  assert.equal((await layout.getManifest(''))?.digest, digest)
})

test('another model whose name ends alike does not take the place of the first', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'nlp/sent', { f: 'x' })
  await addVersion(store, 'cv/sent', { f: 'y' })
  await embedAs('nlp/sent', { path: '/app/models' })
  await assert.rejects(
    embedAs('cv/sent', { base: 'v1' }),
    (error) => isBallastError(error, 'CONFLICT') && /--as/.test(error.hint ?? ''),
  )
  await embedAs('cv/sent', { base: 'v1', name: 'vision' })
})

test('a blob that was damaged after its layer was remembered is refused when it is sent, and known from then on', async (t) => {
  const { store, embedAs } = await createWorld(t)
  const { version } = await addVersion(store, 'm', { f: 'some weights' })
  await embedAs('m')
  await flipBit(store.blobs.path(fileOf(version, 'f').digest), { sameTime: true })
  const elsewhere = await openLayout(join(await temporaryDirectory(t), 'out'), { create: true })
  await assert.rejects(embedAs('m', { into: elsewhere }), (error) => isBallastError(error, 'DAMAGED'))
  assert.equal(await elsewhere.getManifest('v1'), undefined)
  assert.equal(await store.blobs.stat(fileOf(version, 'f').digest), undefined)
})

test('going back and forth between the same images makes no more tags of former ones', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  for (const text of ['1', '2', '3']) {
    await addVersion(store, 'm', { f: text })
    await embedAs('m')
  }
  for (let turn = 0; turn < 6; turn++) {
    await replaceImage(layout, { tag: 'v1', manifest: await previousImage(layout, 'v1') })
  }
  assert.ok((await formerImages(layout, 'v1')).length <= 3)
})

test('a tag too long for a former one beside it is refused before anything moves', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  const tag = 't'.repeat(125)
  await addVersion(store, 'm', { f: '1' })
  const { digest } = await embedAs('m', { tag })
  await addVersion(store, 'm', { f: '2' })
  await assert.rejects(embedAs('m', { tag }), (error) => isBallastError(error, 'REFUSED'))
  assert.equal((await layout.getManifest(tag))?.digest, digest)
})

test('real files at the path: kept by embedding again, until a path is given again', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: '1' })
  await embedAs('m', { path: '/app/empty', realPath: true })
  const paths = async () =>
    [...(await filesOf(layout, 'v1')).keys()].filter((path) => /\bf$|model\.json$/.test(path))
  const real = ['app/empty/f', 'app/empty/.ballast/model.json']
  assert.deepEqual(await paths(), real)
  await addVersion(store, 'm', { f: '2' })
  const again = await embedAs('m', { base: 'v1' })
  assert.deepEqual(await paths(), real)
  assert.deepEqual(
    [again.models[0]?.path, again.models[0]?.realPath, again.warnings],
    ['/app/empty', true, []],
  )
  await embedAs('m', { base: 'v1', path: '/app/empty' })
  assert.deepEqual(await paths(), ['models/m/f', 'models/m/.ballast/model.json'])
  assert.equal((await filesOf(layout, 'v1')).get('app/empty')?.link, '../models/m')
  await assert.rejects(embedAs('m', { tag: 'v2', realPath: true }), (error) => isBallastError(error, 'USAGE'))
})

test('another model cannot go inside real files', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'a', { f: 'a' })
  await addVersion(store, 'b', { f: 'b' })
  await embedAs('a', { path: '/app/a', realPath: true })
  await assert.rejects(embedAs('b', { base: 'v1', path: '/app/a/b' }), (error) =>
    isBallastError(error, 'REFUSED'),
  )
  const both = await embedAs('b', { base: 'v1', path: '/app/b', realPath: true })
  assert.equal(both.models.length, 2)
})

test('a base whose Dockerfile copied the model is refused with the way out', async (t) => {
  const copied: readonly BaseEntry[] = [{ path: 'app/models/' }, { path: 'app/models/f', text: 'x' }]
  const { store, layout, embedAs } = await createWorld(t, { layers: [BASE, copied] })
  await addVersion(store, 'm', { f: 'x' })
  const isRefused = (error: unknown): boolean =>
    isBallastError(error, 'REFUSED') &&
    /\/app\/models: the image already holds the model there/.test(error.message) &&
    /`layer 1`/.test(error.message) &&
    new RegExp(`ballast embed m:latest=/app/models ${layout.name}:base -t ${layout.name}:v1$`).test(
      error.hint ?? '',
    )
  await assert.rejects(embedAs('m', { path: '/app/models' }), isRefused)
})
