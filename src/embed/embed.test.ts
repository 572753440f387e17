import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BaseEntry, writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion, fileOf, flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { parseReference } from '../model/index.ts'
import { type ImageRepository, openLayout, readLabel, readTar } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { readImage } from './base-image.ts'
import { embed } from './embed.ts'
import { formerImages, previousImage, replaceImage } from './former-images.ts'

const BASE: readonly BaseEntry[] = [
  { path: 'app/', mode: 0o750, uid: 1000, gid: 1000 },
  { path: 'app/main.py', text: 'print(1)\n', uid: 1000, gid: 1000 },
  { path: 'app/empty/' },
]

interface World {
  readonly store: Store
  readonly layout: ImageRepository
  readonly embedAs: (
    reference: string,
    options?: { base?: string; tag?: string; path?: string; name?: string },
  ) => ReturnType<typeof embed>
}

async function createWorld(
  t: TestContext,
  {
    layers = [BASE],
    config = {},
  }: { layers?: readonly (readonly BaseEntry[])[]; config?: Record<string, unknown> } = {},
): Promise<World> {
  const store = await temporaryStore(t)
  const directory = join(await temporaryDirectory(t), 'image')
  await writeImageLayout(directory, { tag: 'base', layers, config })
  const layout = await openLayout(directory, { create: false })
  return {
    store,
    layout,
    async embedAs(text, { base = 'base', tag = 'v1', path, name } = {}) {
      const reference = parseReference(text)
      const digest = await store.records.resolve(reference)
      assert.ok(digest)
      const [numbered] = (await store.records.listVersions(reference.name)).filter(
        (version) => version.digest === digest,
      )
      const model = {
        reference,
        number: numbered?.number ?? 0,
        version: await store.readVersion(digest),
        path,
        name,
      }
      return embed(store, {
        models: [model],
        base: { repository: layout, reference: base },
        result: { repository: layout, reference: tag },
      })
    },
  }
}

/** The image's file system as a flat list, upper layers winning. */
async function filesOf(
  layout: ImageRepository,
  tag: string,
): Promise<ReadonlyMap<string, { mode: number; uid: number; link?: string }>> {
  const image = await readImage(layout, { reference: tag })
  const files = new Map<string, { mode: number; uid: number; link?: string }>()
  for (const layer of image.layers.filter(({ mediaType }) => mediaType.endsWith('.tar'))) {
    for await (const { path, mode, uid, link } of readTar(layout.openBlob(layer).open())) {
      files.set(path, { mode, uid, ...(link !== undefined && { link }) })
    }
  }
  return files
}

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
