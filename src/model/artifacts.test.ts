import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf } from '../core/index.ts'
import { decodeArtifact } from './artifacts.ts'

const [A, B, C] = ['a', 'b', 'c'].map((text) => ({ digest: digestOf(text), size: 1 }))
const CONFIG = { mediaType: 'application/vnd.any.config.v1+json', digest: digestOf('{}'), size: 2 }

function manifest(layers: readonly object[], fields: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, config: CONFIG, layers, ...fields }))
}

function layer(mediaType: string, annotations: Readonly<Record<string, string>> = {}, blob = A): object {
  return { mediaType, ...blob, annotations }
}

/** `form path` of each layer. */
function decoded(...layers: readonly object[]): readonly string[] {
  return decodeArtifact(manifest(layers))?.layers.map(({ form, path }) => `${form} ${path}`) ?? []
}

const PATH = 'org.cncf.model.filepath'

test('ModelPack in all its forms, and under its former names', () => {
  const type = (kind: string): string => `application/vnd.cncf.model.${kind}`
  assert.deepEqual(
    decoded(
      layer(type('weight.v1.raw'), { [PATH]: 'a.bin' }),
      layer(type('weight.config.v1.tar'), { [PATH]: 'config.json' }),
      layer(type('doc.v1.tar+gzip'), {}, B),
      layer(type('code.v1.tar+zstd'), {}, C),
      layer(type('weight.v1.gguf'), { [PATH]: 'm.gguf' }),
      layer('application/vnd.cnai.model.weight.v1.raw', { 'org.cnai.model.filepath': './old.bin' }),
    ),
    [
      'file a.bin',
      'archive config.json',
      'archive undefined',
      'archive undefined',
      'file m.gguf',
      'file old.bin',
    ],
  )
})

test('KitOps ModelKits', () => {
  const kit = 'application/vnd.kitops.modelkit'
  const layers = [
    layer(`${kit}.model.v1.tar+gzip`),
    layer(`${kit}.modelpart.v1.raw`, { [PATH]: 'x.safetensors' }, B),
    layer(`${kit}.docs.v1.raw+zstd`, { [PATH]: 'README.md' }, C),
  ]
  assert.deepEqual(decoded(...layers), ['archive undefined', 'file x.safetensors', 'compressed README.md'])
  assert.equal(decodeArtifact(manifest(layers))?.kind, 'KitOps ModelKit')
})

test('Docker Model Runner, with paths and without', () => {
  const docker = 'application/vnd.docker.ai'
  assert.deepEqual(
    decoded(
      layer(`${docker}.gguf.v3`),
      layer(`${docker}.license`, {}, B),
      layer(`${docker}.model.file`, { [PATH]: 'sub/tokenizer.json' }),
      layer(`${docker}.vllm.config.tar`, {}, C),
    ),
    ['file model.gguf', 'file LICENSE', 'file sub/tokenizer.json', 'archive undefined'],
  )
})

test('files that oras push has named', () => {
  assert.deepEqual(decoded(layer('text/plain', { 'org.opencontainers.image.title': 'notes.txt' })), [
    'file notes.txt',
  ])
})

test('directories are no files, and what is listed twice is one', () => {
  const metadata = (typeflag: number) => ({
    'org.cncf.model.file.metadata+json': JSON.stringify({ typeflag }),
    [PATH]: 'a.bin',
  })
  const raw = 'application/vnd.cncf.model.weight.v1.raw'
  const layers = [layer(raw, metadata(5)), layer(raw, metadata(48)), layer(raw, metadata(0))]
  assert.deepEqual(decoded(...layers), ['file a.bin'])
})

test('an image, an index and an artifact without files are no models', () => {
  const image = { config: { ...CONFIG, mediaType: 'application/vnd.oci.image.config.v1+json' } }
  assert.equal(decodeArtifact(manifest([layer('application/vnd.oci.image.layer.v1.tar')], image)), undefined)
  assert.equal(decodeArtifact(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }))), undefined)
  assert.equal(decodeArtifact(manifest([layer('application/vnd.helm.chart.v1')])), undefined)
})

test('a layer whose file has no name is refused where others have one', () => {
  const layers = [layer('a/b', { [PATH]: 'x' }), layer('application/octet-stream', {}, B)]
  assert.throws(() => decodeArtifact(manifest(layers)), {
    code: 'REFUSED',
    message: /application\/octet-stream/,
  })
})
