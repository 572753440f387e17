import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type BaseEntry, writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { addVersion, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { type Content, type Digest, isBallastError } from '../core/index.ts'
import { parseReference } from '../model/index.ts'
import { type ImageRepository, openLayout, type Position, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { readTar } from '../tar/index.ts'
import { readImage } from './base-image.ts'
import { embed } from './embed.ts'
import { rebase } from './rebase.ts'

const CODE: readonly BaseEntry[] = [
  { path: 'app/', mode: 0o750, uid: 1000, gid: 1000 },
  { path: 'app/main.py', text: 'print(1)\n', uid: 1000, gid: 1000 },
]
const NEW_CODE: readonly BaseEntry[] = [CODE[0] as BaseEntry, { path: 'app/main.py', text: 'print(2)\n' }]

async function layoutWith(t: TestContext, entries: readonly BaseEntry[]): Promise<ImageRepository> {
  const directory = join(await temporaryDirectory(t), 'image')
  await writeImageLayout(directory, { tag: 'app', layers: [entries] })
  return openLayout(directory, { create: false })
}

async function embedded(
  store: Store,
  layout: ImageRepository,
  position: Position = 'top',
): Promise<{ readonly model: Digest; readonly layers: readonly Digest[] }> {
  await addVersion(store, 'm', { 'w.bin': 'weights', 'config.json': '{}' })
  const reference = parseReference('m')
  const digest = await store.records.resolve(reference)
  assert.ok(digest)
  const version = await store.readVersion(digest)
  await embed(store, {
    models: [{ reference, number: 1, version, path: '/app/models', name: undefined, position }],
    base: { repository: layout, reference: 'app' },
    result: { repository: layout, reference: 'v1' },
  })
  const [model] = readLabel((await readImage(layout, { reference: 'v1' })).config)
  return { model: digest, layers: model?.layers ?? [] }
}

/** The same repository, which notes which blobs are read. */
function noting(repository: ImageRepository): { repository: ImageRepository; read: Set<Digest> } {
  const read = new Set<Digest>()
  return {
    read,
    repository: {
      ...repository,
      openBlob(blob, options): Content {
        const content = repository.openBlob(blob, options)
        return {
          size: content.size,
          open(range) {
            read.add(blob.digest)
            return content.open(range)
          },
        }
      },
    },
  }
}

async function filesOf(layout: ImageRepository, reference: string): Promise<ReadonlyMap<string, string>> {
  const image = await readImage(layout, { reference })
  const files = new Map<string, string>()
  for (const layer of image.layers.filter(({ mediaType }) => mediaType.endsWith('.tar')))
    for await (const entry of readTar(layout.openBlob(layer).open())) files.set(entry.path, entry.link ?? '')
  return files
}

test('models come to lie in a new build by the layers that they have, unread and without their versions in the store', async (t) => {
  const layout = await layoutWith(t, CODE)
  const { layers } = await embedded(await temporaryStore(t), layout)
  const base = await layoutWith(t, NEW_CODE)
  const from = noting(layout)
  const result = { repository: layout, reference: 'v1' }
  const elsewhere = await temporaryStore(t)
  const rebased = await rebase(elsewhere, {
    image: { repository: from.repository, reference: 'v1' },
    base: { repository: base, reference: 'app' },
    result,
  })
  assert.equal(rebased.former, 'v1.was-1')
  assert.deepEqual(
    layers.slice(0, -1).filter((digest) => from.read.has(digest)),
    [],
  )
  const [model] = readLabel((await readImage(layout, { reference: 'v1' })).config)
  assert.deepEqual([model?.model, model?.number, model?.path], ['m', 1, '/app/models'])
  assert.deepEqual(model?.layers.slice(0, -1), layers.slice(0, -1))
  const files = await filesOf(layout, 'v1')
  assert.equal(files.get('app/models'), '../models/m')
  assert.ok(files.has('models/m/w.bin'))
  const [code] = (await readImage(base, { reference: 'app' })).layers
  assert.equal((await readImage(layout, { reference: 'v1' })).layers[0]?.digest, code?.digest)
})

test('into another repository the layers go from the image that has them', async (t) => {
  const layout = await layoutWith(t, CODE)
  await embedded(await temporaryStore(t), layout)
  const base = await layoutWith(t, NEW_CODE)
  await rebase(await temporaryStore(t), {
    image: { repository: layout, reference: 'v1' },
    base: { repository: base, reference: 'app' },
    result: { repository: base, reference: 'v2' },
  })
  assert.ok((await filesOf(base, 'v2')).has('models/m/config.json'))
})

test('a base that has the directories above the model otherwise needs the version, and gets them as it has them', async (t) => {
  const layout = await layoutWith(t, CODE)
  const store = await temporaryStore(t)
  const { model } = await embedded(store, layout)
  const base = await layoutWith(t, [...NEW_CODE, { path: 'models/', mode: 0o711, uid: 7, gid: 7 }])
  const request = {
    image: { repository: layout, reference: 'v1' },
    base: { repository: base, reference: 'app' },
    result: { repository: layout, reference: 'v2' },
  }
  await assert.rejects(
    rebase(await temporaryStore(t), request),
    (error) => isBallastError(error, 'NOT_FOUND') && `${error.hint}`.includes(`m@${model}`),
  )
  assert.equal(await layout.getManifest('v2'), undefined)
  await rebase(store, request)
  assert.ok((await filesOf(layout, 'v2')).has('models/m/w.bin'))
})

test('at the bottom a model stays below the new code, and is refused where that would hide it', async (t) => {
  const layout = await layoutWith(t, CODE)
  const store = await temporaryStore(t)
  const { layers } = await embedded(store, layout, 'bottom')
  const result = { repository: layout, reference: 'v2' }
  const onto = async (entries: readonly BaseEntry[]) => {
    const base = { repository: await layoutWith(t, entries), reference: 'app' }
    return rebase(store, { image: { repository: layout, reference: 'v1' }, base, result })
  }
  await onto(NEW_CODE)
  assert.equal((await readImage(layout, { reference: 'v2' })).diffIds[0], layers[0])
  await assert.rejects(
    onto([...NEW_CODE, { path: 'models/.wh.m', text: '' }]),
    (error) => isBallastError(error, 'REFUSED') && /bottom/.test(error.message),
  )
})

test('an image without models has nothing to be moved', async (t) => {
  const layout = await layoutWith(t, CODE)
  const place = { repository: layout, reference: 'app' }
  await assert.rejects(
    rebase(await temporaryStore(t), { image: place, base: place, result: { ...place, reference: 'v2' } }),
    (error) => isBallastError(error, 'NOT_FOUND'),
  )
})
