import assert from 'node:assert/strict'
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { onnx, safetensors } from '../../test/fixtures/model-files.ts'
import { addVersion, flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { bytesContent, type Digest } from '../core/index.ts'
import { encodeAttachment, MODEL_DESCRIPTION, parseName } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { add } from './add.ts'
import { describeVersion, inspectVersion, readDescriptions } from './inspect-version.ts'
import { list } from './list.ts'
import { remove } from './remove.ts'
import { show } from './show.ts'
import { verify } from './upkeep.ts'

const NAME = parseName('llm')
const WEIGHTS = safetensors({ w: { dtype: 'BF16', shape: [1000, 124] } })
const MODEL: Contents = { 'model.safetensors': WEIGHTS, 'config.json': '{"model_type":"llama"}' }

async function added(t: TestContext, contents: Contents = MODEL, store?: Store) {
  const directory = await writeFiles(join(await temporaryDirectory(t), 'model'), contents)
  const into = store ?? (await temporaryStore(t))
  return { store: into, directory, result: await add(into, { name: NAME, sources: [directory] }) }
}

async function referrersOf(store: Store): Promise<readonly Digest[]> {
  return (await store.listReferrers(NAME)).map(({ digest }) => digest)
}

test('add attaches what the version is, as an OCI referrer, the same for the same files', async (t) => {
  const [one, two] = [await added(t), await added(t)]
  const [referrer] = await referrersOf(one.store)
  assert.ok(referrer)
  assert.deepEqual(await referrersOf(two.store), [referrer])
  const manifest = JSON.parse(`${await one.store.readManifest(referrer)}`)
  assert.equal(manifest.artifactType, MODEL_DESCRIPTION)
  assert.equal(manifest.subject.digest, one.result.digest)
  assert.equal(manifest.subject.size, (await one.store.readManifest(one.result.digest)).length)
  assert.equal(`${await one.store.readManifest(manifest.config.digest)}`, '{}')
  const description = JSON.parse(`${await one.store.readManifest(manifest.layers[0].digest)}`)
  assert.deepEqual(
    [description.format, description.precision, description.parameters, description.architecture],
    ['safetensors', 'BF16', 124_000, 'llama'],
  )
})

test('other tools find the description in the index of the layout', async (t) => {
  const { store, result } = await added(t)
  const index = JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8'))
  const [referrer] = await referrersOf(store)
  const entry = index.manifests.find(({ digest }: { digest: string }) => digest === referrer)
  assert.equal(entry.size, (await store.readManifest(referrer as Digest)).length)
  assert.equal(await store.isProjected(), true)
  await remove(store, result.ref, { force: true })
  const after = JSON.parse(await readFile(join(store.root, 'index.json'), 'utf8'))
  assert.deepEqual(after.manifests, [])
})

test('a description lives as long as its version, and goes with it', async (t) => {
  const { store, directory } = await added(t)
  await writeFile(join(directory, 'config.json'), '{"model_type":"other"}')
  await add(store, { name: NAME, sources: [directory] })
  assert.equal((await referrersOf(store)).length, 2)
  assert.deepEqual((await store.gc()).removed, [])
  await remove(store, 'llm:1')
  // What is attached to a version that is gone is not looked for.
  assert.deepEqual((await verify(store)).problems, [])
  await store.gc()
  assert.equal((await referrersOf(store)).length, 1)
  const read = await readDescriptions(store, NAME)
  const { digest } = (await list(store)).find(({ ref }) => ref === 'llm:2') ?? assert.fail()
  assert.equal((await read(digest))?.architecture, 'other')
  await remove(store, 'llm', { all: true })
  await store.gc()
  assert.deepEqual([await referrersOf(store), await store.blobs.list()], [[], []])
})

test('a version without a description, as a kill leaves it, is inspected when it is shown', async (t) => {
  const store = await temporaryStore(t)
  const { version } = await addVersion(store, 'llm', MODEL)
  assert.deepEqual(await referrersOf(store), [])
  assert.equal((await show(store, 'llm')).description.parameters, 124_000)
  // Not when it is listed: that would open the files of every model.
  assert.equal((await list(store))[0]?.format, undefined)
  assert.deepEqual(await inspectVersion(store, version), (await show(store, 'llm')).description)
})

test('a damaged description is found, does not spoil show, and comes back with the files', async (t) => {
  const { store, directory } = await added(t)
  const [referrer] = await referrersOf(store)
  const manifest = JSON.parse(`${await store.readManifest(referrer as Digest)}`)
  await flipBit(store.blobs.path(manifest.layers[0].digest))
  const [problem] = (await verify(store)).problems
  assert.equal(problem?.digest, manifest.layers[0].digest)
  assert.match(problem?.neededBy.join() ?? '', /^llm:1 /)
  assert.match(problem?.mend ?? '', new RegExp(`ballast add llm ${directory}`))
  assert.equal((await show(store, 'llm')).description.parameters, 124_000)
  await add(store, { name: NAME, sources: [directory] })
  assert.deepEqual((await verify(store)).problems, [])
})

test('a description from elsewhere gives way to the one that is made from the files', async (t) => {
  const { store, result, directory } = await added(t)
  const lie = Buffer.from('{"describer":99,"format":"harmless"}\n')
  await using session = await store.begin()
  await session.lease([result.digest])
  const subject = { digest: result.digest, size: (await store.readManifest(result.digest)).length }
  await store.blobs.ingest(session, bytesContent(lie).open(), { item: 'a lie' })
  const manifest = encodeAttachment(subject, { type: MODEL_DESCRIPTION, data: lie })
  const { digest } = await store.blobs.ingest(session, bytesContent(manifest).open(), {
    item: 'a lie',
  })
  await store.records.addUntagged(session, NAME, digest)
  assert.equal((await referrersOf(store)).length, 2)
  // It is none by its form, so that it is not shown either.
  assert.equal((await show(store, 'llm')).description.format, 'safetensors')
  await add(store, { name: NAME, sources: [directory] })
  assert.equal((await referrersOf(store)).length, 1)
})

test('a missing file does not keep the others from being described', async (t) => {
  const { store, result } = await added(t, { ...MODEL, 'model.onnx': onnx({}) })
  const version = await store.readVersion(result.digest)
  const file = version.files.find(({ path }) => path === 'model.onnx') ?? assert.fail()
  const path = store.blobs.path(file.digest)
  await chmod(path, 0o644)
  await rm(path)
  const description = await inspectVersion(store, version)
  assert.equal(description.parameters, 124_000)
  assert.deepEqual(description.remarks, ['1 of 3 files were not looked at'])
})

test('of very many files, those that tell something are looked at, and the rest is said', async (t) => {
  const many = Array.from({ length: 2600 }, (_, index) => [`data/${index}.txt`, `text ${index}`])
  const { store, result } = await added(t, { ...MODEL, ...Object.fromEntries(many) })
  const { description } = await show(store, result.ref)
  assert.deepEqual([description.format, description.architecture], ['safetensors', 'llama'])
  assert.match(description.remarks.join(), /602 of 2602 files were not looked at/)
})

test('describing again changes nothing', async (t) => {
  const { store, result } = await added(t)
  const before = [await referrersOf(store), await store.blobs.list()]
  await using session = await store.begin()
  await session.lease([result.digest])
  await describeVersion(store, session, { name: NAME, version: await store.readVersion(result.digest) })
  assert.deepEqual([await referrersOf(store), await store.blobs.list()], before)
})
