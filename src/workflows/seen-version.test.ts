import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { bytesContent, digestOf } from '../core/index.ts'
import { OCI_MANIFEST } from '../model/index.ts'
import { createStoreStorage, openRepository, startRegistry } from '../registry/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { add } from './add.ts'
import { factsOfRemote } from './advise-model.ts'
import { diff } from './diff.ts'
import { embed } from './embed.ts'
import { attachMetrics } from './metrics.ts'
import { push } from './push.ts'

const LARGE = 'w'.repeat(3_000_000)

interface Scene {
  readonly directory: string
  readonly store: Store
  /** Without anything in it. */
  readonly empty: Store
  /** `HOST/m` with versions 1 and 2, of which 2 has metrics. */
  readonly remote: string
  readonly host: string
  readonly access: { readonly dockerConfig: string }
}

async function scene(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const registry = await startRegistry({
    storage: createStoreStorage(await openStore(join(directory, 'served'))),
  })
  t.after(() => registry.close())
  const access = { dockerConfig: directory }
  const store = await openStore(join(directory, 'store'))
  const remote = `${registry.host}/m`
  for (const number of [1, 2]) {
    const model = join(directory, `model-${number}`)
    await writeFiles(model, { 'weights.bin': LARGE, 'vocab.txt': `words ${number}` })
    await add(store, { name: 'm', sources: [model] })
  }
  await attachMetrics(store, { measured: [{ ref: 'm:2', metrics: { accuracy: 0.9 } }], by: 'a test' })
  for (const number of [1, 2])
    await push(store, { ref: `m:${number}`, remote: `${remote}:${number}`, access })
  const empty = await openStore(join(directory, 'empty'))
  return { directory, store, empty, remote, host: registry.host, access }
}

test('versions elsewhere are compared by their manifests, with what was measured, and nothing is fetched', async (t) => {
  const { empty, remote, access } = await scene(t)
  const both = await diff(empty, [`${remote}:1`, `${remote}:2`], { access })
  assert.deepEqual([both.from, both.to, both.same, both.newBytes], [`${remote}:1`, `${remote}:2`, 1, 7])
  assert.deepEqual(both.changes, [{ path: 'vocab.txt', change: 'changed', before: 7, after: 7 }])
  assert.deepEqual(both.metrics, [{ name: 'accuracy', before: undefined, after: 0.9 }])
  assert.deepEqual(await empty.blobs.list(), [])
  const facts = await factsOfRemote(empty, { ref: `${remote}:2`, access })
  assert.equal(facts.known.modelBytes?.value, LARGE.length + 7)
  await assert.rejects(diff(empty, [`${remote}:1`, `${remote}:9`], { access }), { code: 'NOT_FOUND' })
  await assert.rejects(diff(empty, [`${remote}:1`, 'm:1'], { access }), { code: 'NOT_FOUND' })
})

test('of a version with packs these alone are fetched', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 2_001 }, (_, at) => [`part-${at}`, `${at}`]))
  const { directory, store, empty, remote, access } = await scene(t)
  await writeFiles(join(directory, 'many'), { ...many, 'weights.bin': LARGE })
  await add(store, { name: 'm', sources: [join(directory, 'many')] })
  await push(store, { ref: 'm:3', remote, access })
  const both = await diff(empty, [`${remote}:1`, `${remote}:3`], { access })
  assert.deepEqual([both.same, both.changes.length], [1, 2_002])
  assert.ok((await empty.blobs.list()).every(({ size }) => size < LARGE.length))
})

test('files of other tools are compared, and not those that lie in archives', async (t) => {
  const { empty, remote, host, access } = await scene(t)
  const repository = openRepository({ host, name: 'other' })
  const vocab = Buffer.from('words 1')
  const pushAs = async (mediaType: string, tag: string): Promise<void> => {
    const config = Buffer.from('{}')
    for (const data of [config, vocab])
      await repository.putBlob({ digest: digestOf(data), size: data.length }, bytesContent(data))
    const describe = (type: string, data: Buffer) => ({
      mediaType: type,
      digest: digestOf(data),
      size: data.length,
    })
    const annotations = { 'org.opencontainers.image.title': 'vocab.txt' }
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        artifactType: 'application/vnd.any',
        config: describe('application/vnd.oci.empty.v1+json', config),
        layers: [{ ...describe(mediaType, vocab), annotations }],
      }),
    )
    await repository.putManifest({ mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }, tag)
  }
  await pushAs('text/plain', 'files')
  const { changes, same } = await diff(empty, [`${remote}:1`, `${host}/other:files`], { access })
  assert.deepEqual(
    [same, changes.map(({ path, change }) => `${change} ${path}`)],
    [1, ['removed weights.bin']],
  )
  await pushAs('application/vnd.cncf.model.doc.v1.tar', 'archive')
  await assert.rejects(diff(empty, [`${remote}:1`, `${host}/other:archive`], { access }), {
    code: 'USAGE',
    message: /they lie in archives/,
  })
})

test('a model that is elsewhere is pulled and embedded, and not pulled again', async (t) => {
  const { directory, empty, remote, access } = await scene(t)
  const layout = join(directory, 'image')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  let fetched = 0
  const embedIt = () =>
    embed(
      empty,
      { models: [`${remote}:2=/app/m`], image: `oci:${layout}:base`, result: `oci:${layout}:v2`, access },
      {
        onProgress(event) {
          if (event.step === 'download' && event.kind === 'bytes') fetched += event.count
        },
      },
    )
  const { models, digest } = await embedIt()
  assert.deepEqual(
    models.map(({ ref, path }) => [ref, path]),
    [['m:2', '/app/m']],
  )
  assert.ok(fetched > LARGE.length)
  fetched = 0
  assert.equal((await embedIt()).digest, digest)
  assert.equal(fetched, 0)
})
