import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, isBallastError } from '../core/index.ts'
import { DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../model/index.ts'
import { type AddedLayer, assembleImage, ociLayerType } from './assemble.ts'
import { configOf, decodeImage, type Image } from './image-config.ts'
import { type EmbeddedModel, readLabel } from './image-label.ts'
import type { StoredManifest } from './image-repository.ts'

type Json = Record<string, unknown>

const DOCKER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

test('layers are put on top, in step in manifest, diffIDs and history, and all else survives', () => {
  const base = imageOf({
    layers: ['a', 'b'],
    history: [{ created_by: 'A' }, { created_by: 'ENV x', empty_layer: true }, { created_by: 'B' }],
    config: {
      created: '2024-05-05T05:05:05Z',
      weird: { deep: [1, null] },
      config: { Env: ['x=1'], Labels: { l: 'v' } },
    },
    manifest: { annotations: { 'org.example': 'kept' }, unknown: 7 },
  })
  const image = assemble(base, { add: [added('m', 'MODEL'), added('p', 'PLACEMENT')], label: [MODEL] })
  assert.deepEqual(
    image.layers.map((layer) => [layer.mediaType, layer.digest]),
    [
      [`${OCI_LAYER}+gzip`, digestOf('gz a')],
      [`${OCI_LAYER}+gzip`, digestOf('gz b')],
      [OCI_LAYER, digestOf('m')],
      [OCI_LAYER, digestOf('p')],
    ],
  )
  assert.equal(image.layers[0]?.extra, 'field')
  assert.deepEqual(
    image.diffIds,
    ['a', 'b', 'm', 'p'].map((text) => digestOf(text)),
  )
  assert.deepEqual(image.config.history, [
    { created_by: 'A' },
    { created_by: 'ENV x', empty_layer: true },
    { created_by: 'B' },
    { created: '1970-01-01T00:00:00Z', created_by: 'MODEL' },
    { created: '1970-01-01T00:00:00Z', created_by: 'PLACEMENT' },
  ])
  assert.equal(image.config.created, '2024-05-05T05:05:05Z')
  assert.deepEqual(image.config.weird, { deep: [1, null] })
  assert.deepEqual(image.manifest.annotations, { 'org.example': 'kept' })
  assert.equal(image.manifest.unknown, 7)
  assert.deepEqual(readLabel(image.config), [MODEL])
  assert.equal(((image.config.config as Json).Labels as Json).l, 'v')
})

test('taking the layers out again gives the base back', () => {
  const base = imageOf({ layers: ['a', 'b'], history: [{ created_by: 'A' }, { created_by: 'B' }] })
  const bare = assemble(base, {})
  const embedded = assemble(base, { add: [added('m'), added('p')], label: [MODEL] })
  const back = assemble(embedded, { remove: [model('m', 'p')] })
  assert.deepEqual(back.diffIds, bare.diffIds)
  assert.deepEqual(back.config.history, bare.config.history)
  assert.deepEqual(back.layers, bare.layers)
})

test('a removed layer takes its own entry of the history, also from below', () => {
  const base = imageOf({
    layers: ['a', 'b', 'c'],
    history: ['A', 'B', 'C'].map((by) => ({ created_by: by })),
  })
  const image = assemble(base, {
    remove: [model('b', 'not there')],
    add: [{ ...added('low', 'LOW'), position: 'bottom' }, added('top', 'TOP')],
  })
  assert.deepEqual(
    image.diffIds,
    ['low', 'a', 'c', 'top'].map((text) => digestOf(text)),
  )
  assert.deepEqual(
    (image.config.history as Json[]).map((entry) => entry.created_by),
    ['LOW', 'A', 'C', 'TOP'],
  )
})

test("the application's own copy of a layer stays, wherever the model lies", () => {
  const above = imageOf({ layers: ['same', 'b', 'same', 'p'] })
  const top = assemble(above, { remove: [model('same', 'p')] })
  assert.deepEqual(top.diffIds, [digestOf('same'), digestOf('b')])
  const below = imageOf({ layers: ['same', 'b', 'same', 'p'] })
  const bottom = assemble(below, { remove: [{ ...model('same', 'p'), position: 'bottom' }] })
  assert.deepEqual(bottom.diffIds, [digestOf('b'), digestOf('same')])
})

test('a new model at the bottom goes above those that are there, in manifest, diffIDs and history', () => {
  const base = imageOf({
    layers: ['a', 'b'],
    history: [{ created_by: 'ENV', empty_layer: true }, { created_by: 'A' }, { created_by: 'B' }],
  })
  const low = (text: string): AddedLayer => ({ ...added(text, text), position: 'bottom' })
  const first: EmbeddedModel = { ...model('m1', 'p1'), position: 'bottom' }
  const second: EmbeddedModel = { ...model('m2', 'p2'), name: 'second', position: 'bottom' }
  const one = assemble(base, { add: [low('m1'), added('p1', 'p1')], label: [first] })
  const two = assemble(one, { add: [low('m2'), added('p2', 'p2')], label: [first, second] })
  assert.deepEqual(
    two.diffIds,
    ['m1', 'm2', 'a', 'b', 'p1', 'p2'].map((text) => digestOf(text)),
  )
  const steps = (two.config.history as Json[]).filter((entry) => entry.empty_layer !== true)
  assert.deepEqual(
    steps.map((entry) => entry.created_by),
    ['m1', 'm2', 'A', 'B', 'p1', 'p2'],
  )
  const bare = assemble(two, { remove: [first, second] })
  assert.deepEqual(bare.diffIds, base.diffIds)
  assert.deepEqual(bare.config.history, base.config.history)
})

for (const [what, history] of Object.entries({
  missing: undefined,
  null: null,
  'too short': [{ created_by: 'A' }],
  'too long': ['A', 'B', 'C', 'D'].map((by) => ({ created_by: by })),
  'not of objects': [null, 'x'],
})) {
  test(`history that is ${what} ends up in step with the layers`, () => {
    const image = assemble(imageOf({ layers: ['a', 'b'], history }), { add: [added('m', 'MODEL')] })
    const entries = image.config.history as Json[]
    assert.equal(entries.filter((entry) => entry.empty_layer !== true).length, 3)
    assert.equal(entries.at(-1)?.created_by, 'MODEL')
  })
}

test('equal input gives equal bytes, and the base is not changed', () => {
  const base = imageOf({ layers: ['a'], history: [{ created_by: 'A' }] })
  const before = JSON.stringify(base)
  const options = { base, remove: [], add: [added('m')], label: [MODEL] }
  assert.deepEqual(assembleImage(options), assembleImage(options))
  assert.equal(JSON.stringify(base), before)
})

test('a former embedded copy of the config is dropped', () => {
  const base = imageOf({
    layers: ['a'],
    descriptor: { data: 'e30=', urls: ['https://x'], annotations: { a: 'b' } },
  })
  const config = assemble(base, {}).manifest.config as Json
  assert.deepEqual(Object.keys(config).sort(), ['annotations', 'digest', 'mediaType', 'size'])
})

test('more layers than engines run are refused', () => {
  const base = imageOf({ layers: Array.from({ length: 124 }, (_, at) => `l${at}`) })
  assemble(base, { add: [added('m')] })
  const options = { base, remove: [], add: [added('m'), added('p')], label: [] }
  assert.throws(
    () => assembleImage(options),
    (error) => isBallastError(error, 'REFUSED') && /123/.test(error.hint ?? ''),
  )
})

test('media types become those of OCI', () => {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar'
  const local = 'application/vnd.docker.image.rootfs.diff.tar'
  assert.equal(ociLayerType(local), OCI_LAYER)
  assert.equal(ociLayerType(`${local}.gzip`), `${OCI_LAYER}+gzip`)
  assert.equal(ociLayerType(`${local}.zstd`), `${OCI_LAYER}+zstd`)
  assert.equal(
    ociLayerType(`${foreign}.gzip`),
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  )
  for (const type of [OCI_LAYER, `${OCI_LAYER}+zstd`, 'application/vnd.erofs.layer.v1']) {
    assert.equal(ociLayerType(type), type)
  }
})

test('what is not an image of one platform is refused or damaged', () => {
  const good = storedOf({ layers: ['a'] })
  const decode = (change: Json, config = good.config): Image => {
    const bytes = Buffer.from(JSON.stringify({ ...JSON.parse(good.manifest.bytes.toString()), ...change }))
    return decodeImage({ mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, config)
  }
  assert.equal(decode({}).layers.length, 1)
  assert.equal(decode({ mediaType: undefined }).layers.length, 1)
  const refused: readonly Json[] = [
    { mediaType: 'application/vnd.oci.image.index.v1+json' },
    { schemaVersion: 1 },
    { config: { mediaType: 'application/vnd.cncf.model.config.v1+json', digest: digestOf('c'), size: 1 } },
    { layers: [{ mediaType: OCI_LAYER, digest: `sha512:${'0'.repeat(128)}`, size: 1 }] },
  ]
  for (const change of refused) assert.throws(() => decode(change), code('REFUSED'), JSON.stringify(change))
  const damaged: readonly Json[] = [
    { layers: [] },
    { layers: 1 },
    { config: null },
    { layers: [{ mediaType: OCI_LAYER, digest: digestOf('x'), size: -1 }] },
  ]
  for (const change of damaged) assert.throws(() => decode(change), code('DAMAGED'), JSON.stringify(change))
  assert.throws(() => decode({}, Buffer.from('{}')), code('DAMAGED'))
  assert.equal(configOf(good.manifest).digest, digestOf(good.config))
})

const MODEL: EmbeddedModel = {
  name: 'sentiment',
  model: 'team/sentiment',
  digest: digestOf('version'),
  number: 3,
  reference: 'team/sentiment:prod',
  path: '/app/models',
  layers: [digestOf('m')],
  position: 'top',
  realPath: false,
}

/** The last is its placement layer. */
function model(...layers: readonly string[]): EmbeddedModel {
  return { ...MODEL, layers: layers.map((text) => digestOf(text)) }
}

interface Make {
  readonly layers: readonly string[]
  readonly history?: unknown
  readonly config?: Json
  readonly manifest?: Json
  readonly descriptor?: Json
}

function imageOf(make: Make): Image {
  const { manifest, config } = storedOf(make)
  return decodeImage(manifest, config)
}

function storedOf({ layers, history, config, manifest, descriptor }: Make): {
  manifest: StoredManifest
  config: Buffer
} {
  const rootfs = { type: 'layers', diff_ids: layers.map((text) => digestOf(text)) }
  const configBytes = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', ...config, rootfs, history }),
  )
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        digest: digestOf(configBytes),
        size: configBytes.length,
        ...descriptor,
      },
      layers: layers.map((text) => ({
        mediaType: DOCKER_GZIP,
        digest: digestOf(`gz ${text}`),
        size: 9,
        extra: 'field',
      })),
      ...manifest,
    }),
  )
  return { manifest: { mediaType: DOCKER_MANIFEST, digest: digestOf(bytes), bytes }, config: configBytes }
}

interface Change {
  readonly add?: readonly AddedLayer[]
  readonly remove?: readonly EmbeddedModel[]
  readonly label?: readonly EmbeddedModel[]
}

/** Assembles, and decodes the result again: so it is a valid image. */
function assemble(base: Image, { add = [], remove = [], label = [] }: Change): Image {
  const { manifest, config } = assembleImage({ base, add, remove, label })
  assert.equal(manifest.mediaType, OCI_MANIFEST)
  const image = decodeImage(manifest, config.bytes)
  assert.equal((image.manifest.config as Json).mediaType, OCI_CONFIG)
  return image
}

function added(text: string, createdBy = 'ballast'): AddedLayer {
  return { digest: digestOf(text), size: text.length, createdBy }
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => isBallastError(error) && error.code === expected
}
