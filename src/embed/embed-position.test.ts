import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BASE, createWorld, filesOf } from '../../test/fixtures/embed-world.ts'
import { type BaseEntry, writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { openLayout, readLabel } from '../oci/index.ts'
import { readImage } from './base-image.ts'

test('at the bottom: the files below the base, the link on top, and the same layers as on top', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x', 'd/g': 'y' })
  const top = await embedAs('m', { path: '/app/models', tag: 'top' })
  const bottom = await embedAs('m', { path: '/app/models', tag: 'bottom', position: 'bottom' })
  const [base, files, placement] = top.layers.map(({ digest }) => digest)
  assert.deepEqual(
    bottom.layers.map(({ digest }) => digest),
    [files, base, placement],
  )
  assert.deepEqual(
    bottom.layers.map(({ how }) => how),
    ['exists', 'exists', 'exists'],
  )
  const entries = await filesOf(layout, 'bottom')
  assert.equal(entries.get('app/models')?.link, '../models/m')
  assert.ok(entries.has('models/m/d/g'))
})

test('new code above a model at the bottom leaves the model and what is common in their chain', async (t) => {
  const { store, layout, embedAs } = await createWorld(t, { layers: [[{ path: 'usr/' }], BASE] })
  await addVersion(store, 'm', { f: 'x' })
  await embedAs('m', { path: '/app/models', position: 'bottom' })
  const directory = join(await temporaryDirectory(t), 'next')
  const code: BaseEntry[] = [...BASE, { path: 'app/new.py', text: 'pass' }]
  await writeImageLayout(directory, { tag: 'base', layers: [[{ path: 'usr/' }], code] })
  const next = await openLayout(directory, { create: false })
  await embedAs('m', { path: '/app/models', position: 'bottom', from: next, tag: 'v2' })
  const diffIds = async (tag: string) => (await readImage(layout, { reference: tag })).diffIds
  const [before, after] = [await diffIds('v1'), await diffIds('v2')]
  const changed = after.findIndex((id, at) => id !== before[at])
  assert.deepEqual([changed, after.length, after.at(-1)], [2, 4, before.at(-1)])
})

test('embedding again keeps the position, another one leaves no remains, and back gives the same image', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: '1' })
  const top = await embedAs('m', { path: '/app/models' })
  const low = await embedAs('m', { base: 'v1', position: 'bottom' })
  assert.notEqual(low.digest, top.digest)
  await addVersion(store, 'm', { f: '2' })
  const kept = await embedAs('m', { base: 'v1' })
  assert.deepEqual(
    kept.models.map(({ position, path }) => [position, path]),
    [['bottom', '/app/models']],
  )
  assert.equal((await readImage(layout, { reference: 'v1' })).layers.length, 3)
  assert.equal(kept.layers[0]?.how, 'sent')
  await embedAs('m:1', { base: 'v1' })
  const back = await embedAs('m', { base: 'v1', position: 'top' })
  const { digest } = await embedAs('m', { path: '/app/models', tag: 'fresh' })
  assert.equal(back.digest, digest)
})

test('models at the bottom: what is added or replaced goes above what stays, and each can move alone', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  for (const name of ['a', 'b', 'c']) await addVersion(store, name, { f: name })
  for (const [at, name] of ['a', 'b'].entries()) {
    await embedAs(name, { base: at === 0 ? 'base' : 'v1', path: `/app/${name}`, position: 'bottom' })
  }
  await embedAs('c', { base: 'v1', path: '/app/c' })
  const orderOf = async (): Promise<readonly string[]> => {
    const { config, diffIds } = await readImage(layout, { reference: 'v1' })
    const models = readLabel(config)
    return diffIds.map((id) => {
      const model = models.find(({ layers }) => layers.includes(id))
      return model === undefined ? 'base' : `${model.name}${model.layers.at(-1) === id ? ' link' : ''}`
    })
  }
  assert.deepEqual(await orderOf(), ['a', 'b', 'base', 'a link', 'b link', 'c', 'c link'])
  await addVersion(store, 'a', { f: 'a2' })
  await embedAs('a', { base: 'v1' })
  assert.deepEqual(await orderOf(), ['b', 'a', 'base', 'b link', 'c', 'c link', 'a link'])
  await embedAs('b', { base: 'v1', position: 'top' })
  assert.deepEqual(await orderOf(), ['a', 'base', 'c', 'c link', 'a link', 'b', 'b link'])
})

test('the bottom is refused where the base would hide the model, with the step that does; nothing is published', async (t) => {
  const { store, layout, embedAs } = await createWorld(t, {
    layers: [BASE, [{ path: 'app/.wh..wh..opq', text: '' }], [{ path: '.wh.models', text: '' }]],
  })
  await addVersion(store, 'm', { f: 'x' })
  await assert.rejects(
    embedAs('m', { position: 'bottom', path: '/app/models' }),
    (error) =>
      isBallastError(error, 'REFUSED') &&
      /layer 3 .*layer 2\) deletes \/models/.test(error.message) &&
      /--position top/.test(error.hint ?? ''),
  )
  await assert.rejects(
    embedAs('m', { position: 'bottom', path: '/app/models', realPath: true }),
    (error) =>
      isBallastError(error, 'REFUSED') && /layer 2 .* empties the directory \/app/.test(error.message),
  )
  assert.equal(await layout.getManifest('v1'), undefined)
  await embedAs('m', { path: '/app/models' })
})

test('auto without a history stays with the top and says so', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  const { models, pricing } = await embedAs('m', { path: '/app/models', position: 'auto' })
  assert.equal(models[0]?.position, 'top')
  const [figures] = pricing
  assert.deepEqual(
    [figures?.because, figures?.modelUpdatesPerMonth, figures?.codeUpdatesPerMonth, figures?.bytesPerMonth],
    ['no history', null, null, null],
  )
  assert.ok((figures?.modelBytes ?? 0) > 0 && (figures?.baseBytes ?? 0) > 0)
})
