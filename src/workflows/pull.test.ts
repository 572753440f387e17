import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { bytesContent, digestOf, hexOf } from '../core/index.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../model/index.ts'
import { type ImageRepository, openLayout } from '../oci/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { fileEntry, TAR_END } from '../tar/index.ts'
import { add } from './add.ts'
import { embed } from './embed.ts'
import { pull } from './pull.ts'

const FILES = { 'config.json': '{"a":1}', 'weights/model.bin': 'w'.repeat(5000), 'README.md': 'read me' }
const PATH = 'org.cncf.model.filepath'

interface Scene {
  readonly store: Store
  readonly layout: string
  readonly repository: ImageRepository
  readonly access: { readonly dockerConfig: string }
  /** What the files above are in every store. */
  readonly digest: string
}

async function setUp(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'store'))
  const other = await openStore(join(directory, 'other'))
  await writeFiles(join(directory, 'model'), FILES)
  const { digest } = await add(other, { name: 'model', sources: [join(directory, 'model')] })
  const layout = join(directory, 'layout')
  const repository = await openLayout(layout, { create: true })
  return { store, layout, repository, access: { dockerConfig: directory }, digest }
}

interface Layer {
  readonly type: string
  readonly data: Buffer
  readonly annotations?: Readonly<Record<string, string>>
}

/** Puts an artifact of another tool under the tag. */
async function putArtifact(
  repository: ImageRepository,
  layers: readonly Layer[],
  tag?: string,
): Promise<string> {
  const config = { type: 'application/vnd.any.config.v1+json', data: Buffer.from('{}') }
  const described = []
  for (const { type, data, annotations } of [config, ...layers] as readonly Layer[]) {
    const blob = { digest: digestOf(data), size: data.length }
    await repository.putBlob(blob, bytesContent(data))
    described.push({ mediaType: type, ...blob, ...(annotations && { annotations }) })
  }
  const [first, ...rest] = described
  const artifactType = 'application/vnd.cncf.model.manifest.v1+json'
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, artifactType, config: first, layers: rest }
  const bytes = Buffer.from(JSON.stringify(manifest))
  await repository.putManifest({ mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, tag)
  return digestOf(bytes)
}

function tarOf(files: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([...Object.entries(files).map(([path, text]) => fileEntry(path, text)), TAR_END])
}

function file(path: keyof typeof FILES, type = 'application/vnd.cncf.model.weight.v1.raw'): Layer {
  return { type, data: Buffer.from(FILES[path]), annotations: { [PATH]: path } }
}

const packed = (path: keyof typeof FILES): Buffer => tarOf({ [path]: FILES[path] })
const KINDS: Readonly<Record<string, readonly Layer[]>> = {
  'ModelPack with several kinds of files, in another order': [
    file('weights/model.bin'),
    file('README.md', 'application/vnd.cncf.model.doc.v1.raw'),
    file('config.json', 'application/vnd.cncf.model.weight.config.v1.raw'),
  ],
  'ModelPack of archives, compressed and not': [
    { type: 'application/vnd.cncf.model.weight.v1.tar', data: packed('weights/model.bin') },
    { type: 'application/vnd.cncf.model.doc.v1.tar+gzip', data: gzipSync(packed('README.md')) },
    {
      type: 'application/vnd.cncf.model.weight.config.v1.tar+zstd',
      data: zstdCompressSync(packed('config.json')),
    },
  ],
  'ModelPack whose archive has the base name alone': [
    {
      type: 'application/vnd.cncf.model.weight.v1.tar',
      data: tarOf({ 'model.bin': FILES['weights/model.bin'] }),
      annotations: { [PATH]: 'weights/model.bin' },
    },
    file('README.md'),
    file('config.json'),
  ],
  'a KitOps ModelKit': [
    {
      type: 'application/vnd.kitops.modelkit.model.v1.tar+gzip',
      data: gzipSync(packed('weights/model.bin')),
    },
    {
      type: 'application/vnd.kitops.modelkit.code.v1.tar',
      data: tarOf({ './config.json': FILES['config.json'], 'README.md': FILES['README.md'] }),
    },
  ],
  'a model of Docker Model Runner': [
    file('weights/model.bin', 'application/vnd.docker.ai.model.file'),
    file('README.md', 'application/vnd.docker.ai.license'),
    file('config.json', 'application/vnd.docker.ai.model.file'),
  ],
}

for (const [kind, layers] of Object.entries(KINDS)) {
  test(`${kind}: the same files are the same version`, async (t) => {
    const { store, layout, repository, access, digest } = await setUp(t)
    const origin = await putArtifact(repository, layers, 'v1')
    const pulled = await pull(store, { remote: `oci:${layout}:v1`, name: 'model', access })
    assert.equal(pulled.digest, digest)
    assert.deepEqual([pulled.ref, pulled.tag], ['model:1', 'model:v1'])
    assert.notEqual(pulled.kind, 'version')
    assert.ok((await store.verify()).problems.length === 0)
    const [moved] = await store.records.listVersions('model' as never)
    assert.equal(moved?.from, `oci:${layout}:v1`)
    assert.notEqual(origin, digest)
  })
}

test('paths that lead out, links and other bytes never become a version', async (t) => {
  const { store, layout, repository, access } = await setUp(t)
  const raw = file('config.json')
  const cases: Readonly<Record<string, readonly Layer[]>> = {
    out: [{ ...raw, annotations: { [PATH]: '../config.json' } }],
    absolute: [{ ...raw, annotations: { [PATH]: '/etc/passwd' } }],
    tar: [{ type: 'application/vnd.cncf.model.weight.v1.tar', data: tarOf({ 'a/../../b': 'x' }) }],
    twice: [raw, { ...raw, data: Buffer.from('other') }],
  }
  for (const [tag, layers] of Object.entries(cases)) {
    await putArtifact(repository, layers, tag)
    const pulling = pull(store, { remote: `oci:${layout}:${tag}`, name: 'model', access })
    await assert.rejects(pulling, { code: 'REFUSED' }, tag)
  }
  await putArtifact(repository, [raw], 'changed')
  const blob = join(layout, 'blobs', 'sha256', hexOf(digestOf(raw.data)))
  const bytes = await readFile(blob)
  bytes[0] = 0
  await writeFile(blob, bytes)
  const pulling = pull(store, { remote: `oci:${layout}:changed`, name: 'model', access })
  await assert.rejects(pulling, { code: 'DAMAGED' })
  assert.deepEqual(await store.records.listVersions('model' as never), [])
})

test('of an index, the model beside its images', async (t) => {
  const { store, layout, repository, access, digest } = await setUp(t)
  const child = await putArtifact(repository, [
    file('config.json'),
    file('README.md'),
    file('weights/model.bin'),
  ])
  const size = (await repository.getManifest(child))?.bytes.length
  const artifactType = 'application/vnd.cncf.model.manifest.v1+json'
  const manifests = [{ mediaType: OCI_MANIFEST, digest: child, size, artifactType }]
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  await repository.putManifest({ mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }, 'v1')
  assert.equal((await pull(store, { remote: `oci:${layout}:v1`, name: 'model', access })).digest, digest)
})

test('a version comes back out of an image that holds it, with its digest and number', async (t) => {
  const { store, access, digest } = await setUp(t)
  const directory = await temporaryDirectory(t)
  await writeFiles(join(directory, 'model'), FILES)
  await writeFiles(join(directory, 'former'), { 'a.txt': 'a' })
  const source = await openStore(join(directory, 'source'))
  await add(source, { name: 'team/model', sources: [join(directory, 'former')] })
  await add(source, { name: 'team/model', sources: [join(directory, 'model')] })
  const image = join(directory, 'image')
  await writeImageLayout(image, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const request = { image: `oci:${image}:base`, access }
  await embed(source, { ...request, models: ['team/model=/app/models'], result: `oci:${image}:v1` })
  const pulled = await pull(store, { remote: `oci:${image}:v1`, name: 'mine', access })
  assert.deepEqual([pulled.digest, pulled.ref, pulled.kind], [digest, 'mine:2', 'image'])
  await embed(source, {
    ...request,
    models: ['team/model=/app/models'],
    result: `oci:${image}:v2`,
    realPath: true,
  })
  assert.equal((await pull(store, { remote: `oci:${image}:v2`, name: 'mine', access })).digest, digest)
  const none = pull(store, { remote: `oci:${image}:base`, name: 'mine', access })
  await assert.rejects(none, { code: 'REFUSED', message: /no model/ })
})
