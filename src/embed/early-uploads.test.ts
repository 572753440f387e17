import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { dockerRegistryMissing, startDockerRegistry } from '../../test/doubles/docker-registry.ts'
import type { Fault } from '../../test/doubles/faulty-plan.ts'
import { type FaultyServer, startFaultyServer } from '../../test/doubles/faulty-server.ts'
import { createMemoryStorage, type MemoryStorage } from '../../test/doubles/memory-storage.ts'
import { writeImageLayout } from '../../test/fixtures/image-layout.ts'
import { createRandom } from '../../test/fixtures/random.ts'
import { addVersion, fileOf, flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { type CallOptions, type Progress, readAll, verified } from '../core/index.ts'
import { parseReference, type Version } from '../model/index.ts'
import { type ImageRepository, openLayout } from '../oci/index.ts'
import { openRepository, type RegistryStorage, startRegistry } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { type Embedded, embed } from './embed.ts'

const LARGE = 70 * 1024 * 1024
const MODEL = {
  'a.bin': createRandom('early a').bytes(LARGE),
  'b.bin': createRandom('early b').bytes(LARGE),
}

interface Client {
  readonly store: Store
  readonly version: Version
  readonly embedInto: (into: ImageRepository, options?: CallOptions) => Promise<Embedded>
}

/** A store that has just got the model, as a new machine has. */
async function newClient(t: TestContext, contents: Readonly<Record<string, Uint8Array>>): Promise<Client> {
  const store = await temporaryStore(t)
  const { version, number } = await addVersion(store, 'm', contents)
  const directory = join(await temporaryDirectory(t), 'base')
  await writeImageLayout(directory, { tag: 'base', layers: [[{ path: 'app/' }]] })
  const base = { repository: await openLayout(directory, { create: false }), reference: 'base' }
  const models = [{ reference: parseReference('m'), number, version, path: '/app/m', name: undefined }]
  return {
    store,
    version,
    embedInto: (repository, options) =>
      embed(store, { models, base, result: { repository, reference: 'v1' } }, options),
  }
}

interface Registry {
  readonly storage: MemoryStorage
  readonly repository: ImageRepository
  /** Sessions that were opened and have not ended. */
  readonly open: ReadonlySet<string>
  readonly log: FaultyServer['log']
}

/** An embedded registry behind a server that does what `faults` say to the n-th request of a method. */
async function startWorld(
  t: TestContext,
  faults: Readonly<Record<string, readonly (Fault | undefined)[]>> = {},
): Promise<Registry> {
  const storage = createMemoryStorage()
  const open = new Set<string>()
  const { uploads } = storage
  const watched: RegistryStorage = {
    ...storage,
    uploads: {
      ...uploads,
      async create() {
        const id = await uploads.create()
        open.add(id)
        return id
      },
      commit: (id, digest) => uploads.commit(id, digest).finally(() => open.delete(id)),
      async cancel(id) {
        open.delete(id)
        return uploads.cancel(id)
      },
    },
  }
  const registry = await startRegistry({ storage: watched, log: (line) => console.error(line) })
  t.after(registry.close)
  const counts: Record<string, number> = {}
  const plan = ({ method }: { readonly method: string }): Fault | undefined => {
    const count = counts[method] ?? 0
    counts[method] = count + 1
    return faults[method]?.[count]
  }
  const server = await startFaultyServer(t, { target: registry.host, plan })
  const repository = openRepository({ host: server.host, name: 'team/app', retryDelays: [1, 1] })
  return { storage, repository, open, log: server.log }
}

async function assertWhole(repository: ImageRepository, { layers }: Embedded): Promise<void> {
  for (const layer of layers) await readAll(verified(repository.openBlob(layer).open(), layer), 2 * LARGE)
}

function requestsOf({ log }: Registry, method: string): number {
  return log.filter((request) => request.method === method).length
}

test('large layers are sent while they are hashed, once, and what is told of them is true', async (t) => {
  const registry = await startWorld(t)
  const events: Progress[] = []
  const client = await newClient(t, MODEL)
  const embedded = await client.embedInto(registry.repository, { onProgress: (event) => events.push(event) })
  assert.deepEqual(new Set(embedded.layers.map(({ how }) => how)), new Set(['sent']))
  assert.equal(requestsOf(registry, 'PATCH'), 2)
  const begun = registry.log.findIndex(({ method }) => method === 'PATCH')
  const looked = registry.log.findIndex(({ method }) => method === 'HEAD')
  assert.ok(begun < looked, 'the bytes were not sent before the digest was known')
  assert.equal(registry.open.size, 0)
  await assertWhole(registry.repository, embedded)
  const uploads = events.filter(({ step, item }) => step === 'upload' && item.includes(' layer '))
  const sum = (kind: 'start' | 'bytes'): number =>
    uploads.reduce((all, event) => {
      if (event.kind !== kind) return all
      return all + (event.kind === 'start' ? event.total : event.kind === 'bytes' ? event.count : 0)
    }, 0)
  const bytes = embedded.layers.reduce((all, { size }) => all + size, 0)
  assert.deepEqual([sum('start'), sum('bytes')], [bytes, bytes])
  assert.ok(embedded.bytesSent > bytes && embedded.bytesSent < bytes + 100_000)
})

test('a new store does not send what the registry has: one layer is begun and given up', async (t) => {
  const registry = await startWorld(t)
  await (await newClient(t, MODEL)).embedInto(registry.repository)
  const before = requestsOf(registry, 'PATCH')
  const again = await (await newClient(t, MODEL)).embedInto(registry.repository)
  assert.deepEqual(new Set(again.layers.map(({ how }) => how)), new Set(['exists']))
  assert.ok(again.bytesSent < 5_000, 'config and manifest')
  assert.ok(requestsOf(registry, 'PATCH') - before <= 2)
  assert.equal(registry.open.size, 0)
})

const BROKEN: readonly (readonly [string, Readonly<Record<string, readonly (Fault | undefined)[]>>])[] = [
  ['no session is opened', { POST: [{ kind: 'status', status: 403 }] }],
  ...[404, 405, 416, 503].map(
    (status) => [`PATCH is refused with ${status}`, { PATCH: [{ kind: 'status', status }] }] as const,
  ),
  ['the connection breaks at the first bytes', { PATCH: [{ kind: 'reset', side: 'sent', at: 0 }] }],
  ['the connection breaks under the bytes', { PATCH: [{ kind: 'reset', side: 'sent', at: 0.5 }] }],
  ['the answer to the bytes is lost', { PATCH: [{ kind: 'reset', side: 'answered', at: 0 }] }],
  ['bytes change on their way', { PATCH: [{ kind: 'flip', side: 'sent', at: 0.5 }] }],
  ['bytes are lost on their way', { PATCH: [{ kind: 'truncate', side: 'sent', at: 0.5 }] }],
  ['the end is refused', { PUT: [{ kind: 'status', status: 404 }] }],
  ['the answer to the end is lost', { PUT: [{ kind: 'reset', side: 'answered', at: 0 }] }],
]

for (const [what, faults] of BROKEN) {
  test(`${what}: the layer is sent as others are, and no session is left`, async (t) => {
    const registry = await startWorld(t, faults)
    const embedded = await (await newClient(t, { 'a.bin': MODEL['a.bin'] })).embedInto(registry.repository)
    assert.deepEqual(new Set(embedded.layers.map(({ how }) => how)), new Set(['sent']))
    await assertWhole(registry.repository, embedded)
    assert.equal(registry.open.size, 0)
  })
}

test('bytes that arrived are not sent twice for an answer that was lost', async (t) => {
  const registry = await startWorld(t, { PUT: [{ kind: 'reset', side: 'answered', at: 0 }] })
  const { layers } = await (await newClient(t, { 'a.bin': MODEL['a.bin'] })).embedInto(registry.repository)
  assert.equal(layers.length, 3)
  // The end of the large layer, then base layer, placement layer, config and manifest.
  assert.equal(requestsOf(registry, 'PUT'), 5)
})

for (const step of ['hash', 'upload'] as const) {
  test(`an abort while the progress says "${step}" leaves no session, no blob and no tag`, async (t) => {
    const registry = await startWorld(t)
    const controller = new AbortController()
    const { signal } = controller
    let bytes = 0
    const onProgress = (event: Progress): void => {
      if (event.kind !== 'bytes' || event.step !== step) return
      bytes += event.count
      if (step === 'upload' || bytes > LARGE / 2) controller.abort()
    }
    const client = await newClient(t, MODEL)
    await assert.rejects(client.embedInto(registry.repository, { signal, onProgress }), {
      code: 'INTERRUPTED',
    })
    assert.deepEqual(await registry.repository.listTags(), [])
    assert.equal([...registry.storage.blobs.values()].filter(({ size }) => size >= LARGE).length, 0)
    assert.equal(registry.open.size, 0)
  })
}

test('a file that is found damaged while it is sent is never a layer of the registry', async (t) => {
  const registry = await startWorld(t)
  const client = await newClient(t, { 'a.bin': MODEL['a.bin'] })
  const { digest } = fileOf(client.version, 'a.bin')
  await flipBit(client.store.blobs.path(digest), { sameTime: true })
  await assert.rejects(client.embedInto(registry.repository), { code: 'DAMAGED' })
  assert.equal(registry.storage.blobs.size, 0)
  assert.equal(registry.open.size, 0)
})

test('docker-registry: sent early, mounted from elsewhere, found there; no session is left', {
  skip: dockerRegistryMissing(),
}, async (t) => {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const repository = (name: string): ImageRepository => openRepository({ host: registry.host, name })
  const first = await (await newClient(t, MODEL)).embedInto(repository('one'))
  assert.deepEqual(new Set(first.layers.map(({ how }) => how)), new Set(['sent']))
  await assertWhole(repository('one'), first)
  const again = await (await newClient(t, MODEL)).embedInto(repository('one'))
  assert.deepEqual(new Set(again.layers.map(({ how }) => how)), new Set(['exists']))

  // Another store and another repository of the same registry, from an image that has the files' layers.
  const { store, version } = await newClient(t, MODEL)
  const reference = parseReference('m')
  const model = { reference, number: 1, version, path: '/app/m', name: 'other', realPath: true } as const
  const former = await embed(store, {
    models: [{ ...model, name: undefined, realPath: undefined }],
    base: { repository: repository('one'), reference: 'v1' },
    result: { repository: repository('two'), reference: 'v1' },
  })
  assert.deepEqual(new Set(former.layers.map(({ how }) => how)), new Set(['mounted']))

  // An empty directory of what it had hashed is left by docker-registry itself.
  const paths = await readdir(registry.directory, { recursive: true })
  assert.deepEqual(
    paths.filter((path) => /\/_uploads\/[^/]+\/(?:data|startedat)$/.test(path)),
    [],
  )
})
