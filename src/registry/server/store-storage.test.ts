import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startAsked } from '../../../test/doubles/distribution-api.ts'
import { bytesContent, type Digest, digestOf, isBallastError, readAll } from '../../core/index.ts'
import { encodeVersion, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, parseName, parseTag } from '../../model/index.ts'
import { blobsOf, encodeRecipe, hashLayer, layerContent, type StoredManifest } from '../../oci/index.ts'
import { type BlobInfo, openStore, type Store } from '../../store/index.ts'
import { openRepository, type RegistryRepository } from '../client/repository.ts'
import { startRegistry } from './start.ts'
import type { RegistryStorage } from './storage.ts'
import { createStoreStorage } from './store-storage.ts'

const NAME = parseName('team/sentiment')
const LIMIT = 1_000_000

test('a pushed model is a version with the next number, and moves its tag', async (context) => {
  const { store, repository } = await serve(context)
  const first = await pushModel(repository, 'one', 'prod')
  const second = await pushModel(repository, 'two', 'prod')
  await pushModel(repository, 'two', 'again')
  const versions = await store.records.listVersions(NAME)
  assert.deepEqual(
    versions.map(({ number, digest }) => [number, digest]),
    [
      [1, first],
      [2, second],
    ],
  )
  assert.equal(await store.records.resolve({ name: NAME, tag: parseTag('prod') }), second)
  assert.equal((await store.records.history(NAME, parseTag('prod'))).length, 2)
  assert.deepEqual(await repository.listTags(), ['1', '2', 'again', 'prod'])
  assert.equal((await repository.getManifest('1'))?.digest, first)
  assert.equal(await repository.headManifest('prod'), second)
  assert.ok(await store.isProjected())
  assert.deepEqual((await store.verify()).problems, [])
})

test('a model pushed to a number claims it; numbers do not move', async (context) => {
  const { store, repository } = await serve(context)
  const seventh = await pushModel(repository, 'seven', '7')
  assert.equal((await store.records.listVersions(NAME))[0]?.number, 7)
  await assert.rejects(pushModel(repository, 'other', '7'), (error) => isBallastError(error, 'REMOTE'))
  assert.equal((await repository.getManifest('7'))?.digest, seventh)
  await assert.rejects(repository.deleteTag('7'), (error) => isBallastError(error))
  assert.equal(await repository.deleteManifest(seventh), true)
  assert.deepEqual(await repository.listTags(), [])
})

test('a manifest that only claims to be a model is refused', async (context) => {
  const { repository } = await serve(context)
  const config = Buffer.from('{}')
  const descriptor = { digest: digestOf(config), size: config.length }
  await repository.putBlob(descriptor, bytesContent(config))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: 'application/vnd.cncf.model.manifest.v1+json',
      config: { mediaType: 'application/json', ...descriptor },
      layers: [{ mediaType: 'application/x-other', ...descriptor }],
    }),
  )
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
  await assert.rejects(repository.putManifest(manifest, 'v1'), /MANIFEST_INVALID/)
})

test('what a push relies on survives gc until its manifest comes', async (context) => {
  const { store, repository } = await serve(context)
  const model = modelOf('kept')
  for (const data of model.blobs) await repository.putBlob(blobOf(data), bytesContent(data))
  await store.gc()
  await repository.putManifest(model.manifest, 'v1')
  assert.deepEqual((await store.verify()).problems, [])
})

test('a layer that is made while it is read: found, ranged, mounted, and gone with its parts', async (context) => {
  const { store, repository, other } = await serve(context)
  const data = Buffer.alloc(10_000, 'weights')
  await pushModel(repository, data, 'v1')
  const recipe = {
    entries: [
      { kind: 'directory', path: 'models', mode: 0o755, uid: 0, gid: 0 },
      { kind: 'file', path: 'models/a.bin', blob: digestOf(data), size: data.length },
    ],
  } as const
  const layer = await hashLayer(recipe, () => bytesContent(data))
  const parts = blobsOf(recipe).map(({ digest }) => digest)
  await using session = await store.begin()
  await store.derived.put(session, { ...layer, parts, recipe: encodeRecipe(recipe) })

  const expected = await readAll(layerContent(recipe, () => bytesContent(data)).open(), LIMIT)
  assert.equal(await repository.hasBlob(layer), true)
  assert.equal(await other.mountBlob(layer, repository), true)
  const content = other.openBlob(layer)
  assert.deepEqual(await readAll(content.open(), LIMIT), expected)
  const range = { offset: 1_000, length: 2_000 }
  assert.deepEqual(await readAll(content.open(range), LIMIT), expected.subarray(1_000, 3_000))

  await store.blobs.remove(digestOf(data))
  assert.equal(await repository.hasBlob(layer), false)
})

test('a layer that is asked for by HEAD has each of its parts looked at once, and is not laid out', async (context) => {
  const { store } = await serve(context)
  await using session = await store.begin()
  const parts: Digest[] = []
  for (const text of ['a', 'b', 'c']) parts.push((await ingest(store, text)).digest)
  const looked: Digest[] = []
  const blobs: Store['blobs'] = {
    ...store.blobs,
    ensureIntact: (blob) => {
      looked.push(blob.digest)
      return store.blobs.ensureIntact(blob)
    },
  }
  const layer = { digest: digestOf('layer'), size: 12_345 }
  await store.derived.put(session, { ...layer, parts, recipe: 'nothing can be made of this' })
  const ask = await startAsked(context, createStoreStorage({ ...store, blobs }))
  const head = await ask('HEAD', `/v2/team/app/blobs/${layer.digest}`)
  assert.deepEqual([head.status, head.headers['content-length']], [200, '12345'])
  assert.deepEqual(looked.sort(), parts.sort())
  for (const part of parts) {
    await store.blobs.markDamaged(part)
    assert.equal((await ask('HEAD', `/v2/team/app/blobs/${layer.digest}`)).status, 404)
    assert.equal(await store.blobs.rehash({ digest: part, size: 1 }), 'intact')
  }
})

test('what was found to be there stays, when it was asked for and not before', async (context) => {
  const { store, storage } = await serve(context)
  const { digest } = await ingest(store, 'needed')
  assert.deepEqual([...(await storage.sizes([digest, digestOf('absent')])).keys()], [digest])
  assert.deepEqual((await store.gc()).removed, [])
  const other = createStoreStorage(store)
  await storage.close()
  assert.equal((await other.openBlob(digest, { keep: true }))?.size, 6)
  assert.deepEqual((await store.gc()).removed, [])
  await other.close()
  assert.equal((await store.gc()).removed.length, 1)
})

test('an image takes neither the tag nor the number of a model, nor a model the tag of an image', async (context) => {
  const { store, repository } = await serve(context)
  const ask = await startAsked(context, createStoreStorage(store))
  const model = await pushModel(repository, 'model', 'prod')
  const image = await pushImage(repository, 'image', 'app')
  const put = (tag: string, body: Uint8Array) =>
    ask('PUT', `/v2/${NAME}/manifests/${tag}`, { headers: { 'content-type': OCI_MANIFEST }, body })
  for (const [tag, bytes, why] of [
    ['prod', image.bytes, /belongs to a model/],
    ['1', image.bytes, /is a version number/],
    ['app', modelOf('model').manifest.bytes, /belongs to an image/],
  ] as const) {
    const answer = await put(tag, bytes)
    assert.deepEqual([answer.status, answer.code], [409, 'DENIED'], tag)
    assert.match(answer.bytes.toString(), why)
  }
  assert.equal(await store.records.resolve({ name: NAME, tag: parseTag('prod') }), model)
  assert.equal(await store.records.resolve({ name: NAME, tag: parseTag('1') }), model)
  assert.equal(await store.records.resolve({ name: NAME, tag: parseTag('app') }), image.digest)
})

test('gc takes an image whose tag is gone, and keeps one that was pushed by its digest', async (context) => {
  const { store, storage, repository } = await serve(context)
  const tagged = await pushImage(repository, 'tagged', 'v1')
  const untagged = await pushImage(repository, 'untagged')
  await repository.deleteTag('v1')
  await storage.close()
  const removed = (await store.gc()).removed.map(({ digest }) => digest)
  assert.deepEqual(removed.sort(), [digestOf('tagged'), tagged.digest].sort())
  assert.equal((await repository.getManifest(untagged.digest))?.digest, untagged.digest)
})

test('an image whose tag has moved on is there by its digest until gc', async (context) => {
  const { store, storage, repository } = await serve(context)
  const [former, removed] = [await pushImage(repository, 'old', 'v1'), await pushImage(repository, 'x', 'v2')]
  await pushImage(repository, 'new', 'v1')
  await repository.deleteTag('v2')
  assert.deepEqual((await repository.getManifest(former.digest))?.bytes, former.bytes)
  assert.equal(await repository.getManifest(removed.digest), undefined)
  await assert.rejects(repository.deleteManifest(former.digest), /ballast gc/)
  await storage.close()
  await store.gc()
  assert.equal(await repository.getManifest(former.digest), undefined)
  assert.equal(await repository.deleteManifest(former.digest), false)
})

test('a child of an index is pulled by its digest when its own tag has moved on', async (context) => {
  const { store, storage, repository, other } = await serve(context)
  const child = await pushImage(repository, 'old', 'amd64')
  const descriptor = { mediaType: OCI_MANIFEST, digest: child.digest, size: child.bytes.length }
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor] }),
  )
  await repository.putManifest({ mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }, 'latest')
  await pushImage(repository, 'new', 'amd64')
  await storage.close()
  await store.gc()
  assert.deepEqual((await repository.getManifest(child.digest))?.bytes, child.bytes)
  assert.equal(await other.getManifest(child.digest), undefined)
  assert.equal(await repository.hasBlob(blobOf(Buffer.from('old'))), true)
})

test('a damaged blob counts as missing, so that it is sent again', async (context) => {
  const { store, repository } = await serve(context)
  const data = Buffer.from('precious')
  await repository.putBlob(blobOf(data), bytesContent(data))
  await store.blobs.markDamaged(digestOf(data))
  assert.equal(await repository.hasBlob(blobOf(data)), false)
  await repository.putBlob(blobOf(data), bytesContent(data))
  assert.equal(await repository.hasBlob(blobOf(data)), true)
})

test('an upload that nobody goes on with leaves nothing once the registry closes', async (context) => {
  const directory = await temporary(context)
  const store = await openStore(directory)
  const storage = createStoreStorage(store)
  const id = await storage.uploads.create()
  assert.equal(await storage.uploads.append(id, bytesContent(Buffer.from('half')).open()), 4)
  await storage.close()
  assert.equal((await store.gc()).abandoned, 0)
  assert.deepEqual(await store.blobs.list(), [])
})

async function serve(context: TestContext): Promise<{
  readonly store: Store
  readonly storage: RegistryStorage
  readonly repository: RegistryRepository
  readonly other: RegistryRepository
}> {
  const store = await openStore(await temporary(context))
  const storage = createStoreStorage(store)
  const registry = await startRegistry({
    storage,
    log: (line) => console.error(line),
  })
  context.after(registry.close)
  const { host } = registry
  const retryDelays = [1]
  return {
    store,
    storage,
    repository: openRepository({ host, name: NAME, retryDelays }),
    other: openRepository({ host, name: 'other', retryDelays }),
  }
}

async function temporary(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-registry-'))
  context.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

function modelOf(content: Buffer | string) {
  const data = Buffer.from(content)
  const { manifest, config, version } = encodeVersion([{ path: 'a.bin', ...blobOf(data) }])
  return {
    blobs: [data, config],
    manifest: { mediaType: OCI_MANIFEST, digest: version.digest, bytes: manifest },
  }
}

async function pushModel(
  repository: RegistryRepository,
  content: Buffer | string,
  tag: string,
): Promise<Digest> {
  const { blobs, manifest } = modelOf(content)
  for (const data of blobs) await repository.putBlob(blobOf(data), bytesContent(data))
  await repository.putManifest(manifest, tag)
  return manifest.digest
}

/** An image of nothing but a config. */
async function pushImage(
  repository: RegistryRepository,
  config: string,
  tag?: string,
): Promise<StoredManifest> {
  const data = Buffer.from(config)
  await repository.putBlob(blobOf(data), bytesContent(data))
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, ...blobOf(data) },
      layers: [],
    }),
  )
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
  await repository.putManifest(manifest, tag)
  return manifest
}

async function ingest(store: Store, text: string): Promise<BlobInfo> {
  await using session = await store.begin()
  return await store.blobs.ingest(session, bytesContent(Buffer.from(text)).open(), { item: text })
}

function blobOf(data: Uint8Array) {
  return { digest: digestOf(data), size: data.length }
}
