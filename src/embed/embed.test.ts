import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { putIndex, SOURCE } from '../../test/fixtures/image-index.ts'
import { type BaseEntry, writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion, fileOf, flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { digestOf, isBallastError } from '../core/index.ts'
import { type Json, OCI_INDEX, parseJson, parseReference } from '../model/index.ts'
import { createArchive, type ImageRepository, openLayout, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { readTar } from '../tar/index.ts'
import { readImage } from './base-image.ts'
import { embed } from './embed.ts'
import { formerImages, previousImage, replaceImage } from './former-images.ts'
import type { ModelToEmbed } from './plan.ts'

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
    options?: {
      base?: string
      from?: ImageRepository
      tag?: string
      into?: ImageRepository
      path?: string
      name?: string
      platform?: string
      position?: ModelToEmbed['position']
      realPath?: boolean
    },
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
    async embedAs(
      text,
      {
        base = 'base',
        from = layout,
        tag = 'v1',
        into = layout,
        path,
        name,
        platform,
        position,
        realPath,
      } = {},
    ) {
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
        position,
        realPath,
      }
      return embed(store, {
        models: [model],
        base: { repository: from, reference: base, platform },
        result: { repository: into, reference: tag },
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

test('into a layout without naming a tag: the image is the layout’s untagged one', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  const layout = await openLayout(join(await temporaryDirectory(t), 'out'), { create: true })
  const { digest } = await embedAs('m', { tag: '', into: layout })
  assert.equal((await layout.getManifest(''))?.digest, digest)
})

async function indexAt(layout: ImageRepository, tag: string): Promise<Json> {
  const index = await layout.getManifest(tag)
  assert.equal(index?.mediaType, OCI_INDEX)
  return parseJson(index?.bytes ?? Buffer.of()) ?? {}
}

test('every platform of an index gets the same layers; the index keeps what else it says, without attestations of former images', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const first = await embedAs('m', { base: 'multi', tag: 'v1', path: '/app/models' })
  assert.deepEqual(first.platforms, ['linux/amd64', 'linux/arm64'])
  assert.match(first.warnings.join(), /2 attestations of the base left out/)
  const { manifests, annotations } = await indexAt(layout, 'v1')
  assert.deepEqual(annotations, SOURCE)
  assert.deepEqual(
    (manifests as readonly Json[]).map(({ platform }) => platform),
    [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ],
  )
  const models = []
  for (const platform of first.platforms) {
    const { config } = await readImage(layout, { reference: 'v1', platform })
    assert.equal(config.architecture, platform.split('/')[1])
    models.push(readLabel(config))
  }
  assert.deepEqual(models[0], models[1])

  await addVersion(store, 'm', { f: 'y' })
  const second = await embedAs('m', { base: 'v1', tag: 'v1' })
  assert.equal(second.former, 'v1.was-1')
  assert.equal((await previousImage(layout, 'v1')).mediaType, OCI_INDEX)
  assert.ok(second.bytesSent < 20_000, `${second.bytesSent} bytes sent`)
  const numbers = await Promise.all(
    first.platforms.map(async (platform) => {
      const { config } = await readImage(layout, { reference: 'v1', platform })
      return readLabel(config).map(({ number }) => number)
    }),
  )
  assert.deepEqual(numbers, [[2], [2]])
})

test('of an index one platform is embedded into where it is named, and has to be named for what holds one only', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const into = await createArchive(join(await temporaryDirectory(t), 'app.tar'))
  await assert.rejects(
    embedAs('m', { base: 'multi', into, tag: 'app:v1' }),
    (error) => isBallastError(error, 'REFUSED') && /linux\/arm64/.test(error.message),
  )
  const { platforms } = await embedAs('m', { base: 'multi', into, tag: 'app:v1', platform: 'linux/arm64' })
  assert.deepEqual(platforms, ['linux/arm64'])
  assert.equal((await readImage(into, { reference: 'app:v1' })).config.architecture, 'arm64')
  await into.close?.()
})

test('an index inside an index is refused, and nothing is published', async (t) => {
  const { store, layout, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await putIndex(t, layout, { tag: 'multi', layers: [BASE] })
  const { manifests, ...rest } = await indexAt(layout, 'multi')
  const nested = { mediaType: OCI_INDEX, digest: digestOf('nested'), size: 6 }
  const bytes = Buffer.from(
    JSON.stringify({ ...rest, manifests: [...(manifests as readonly Json[]), nested] }),
  )
  await layout.putManifest({ mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }, 'nested')
  await assert.rejects(embedAs('m', { base: 'nested', tag: 'v1' }), (error) =>
    isBallastError(error, 'REFUSED'),
  )
  assert.equal(await layout.getManifest('v1'), undefined)
})

test('an image of another platform than the one named is refused', async (t) => {
  const { store, embedAs } = await createWorld(t)
  await addVersion(store, 'm', { f: 'x' })
  await assert.rejects(
    embedAs('m', { platform: 'linux/arm64' }),
    (error) => isBallastError(error, 'REFUSED') && /linux\/amd64/.test(error.message),
  )
  await embedAs('m', { platform: 'linux/amd64' })
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
