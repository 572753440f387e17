import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createStoreStorage, openRepository, startRegistry } from '../../src/registry/index.ts'
import { openStore, type Store } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { copy } from '../../src/workflows/copy.ts'
import { embed } from '../../src/workflows/embed.ts'
import { pull } from '../../src/workflows/pull.ts'
import { push } from '../../src/workflows/push.ts'
import { rebase } from '../../src/workflows/rebase.ts'
import { dockerRegistryMissing, startDockerRegistry } from '../doubles/docker-registry.ts'
import { encodeLayer, writeImageLayout } from '../fixtures/image-layout.ts'
import {
  CLIENTS,
  type ClientImage,
  call,
  notOnPath,
  type RegistryClient,
} from '../fixtures/registry-clients.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

/** Each returns `localhost:PORT`. distribution 3 is only used where its `registry` is on the PATH. */
const REGISTRIES: Readonly<
  Record<string, { readonly skip: string | false; readonly start: (t: TestContext) => Promise<string> }>
> = {
  'docker-registry': { skip: dockerRegistryMissing() ?? false, start: (t) => startAs(t, 'docker-registry') },
  'the embedded registry': { skip: false, start: startOwn },
  'distribution 3': { skip: notOnPath('registry', '--version'), start: (t) => startAs(t, 'registry') },
}

async function startAs(t: TestContext, program: string): Promise<string> {
  const registry = await startDockerRegistry({ program })
  assert.ok(registry)
  t.after(() => registry.close())
  return registry.host
}

async function startOwn(t: TestContext): Promise<string> {
  const store = await openStore(join(await temporaryDirectory(t), 'served'))
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(() => registry.close())
  return registry.host.replace('127.0.0.1', 'localhost')
}

interface Scene {
  readonly directory: string
  /** With `m:1` and `m:2`. */
  readonly store: Store
  readonly bases: readonly [ClientImage, ClientImage]
  readonly access: { readonly dockerConfig: string }
}

async function scene(t: TestContext): Promise<Scene> {
  const directory = await temporaryDirectory(t)
  const store = await openStore(join(directory, 'store'))
  for (const number of [1, 2]) {
    const model = join(directory, `model-${number}`)
    await writeFiles(model, { 'w.bin': `weights ${number}`, 'vocab.txt': 'words' })
    await add(store, { name: 'm', sources: [model] })
  }
  const base = async (tag: string): Promise<ClientImage> => {
    const entries = [{ path: 'app/' }, { path: 'app/main.py', text: tag }]
    const [layout, archive] = [join(directory, `base-${tag}`), join(directory, `${tag}.tar`)]
    await writeImageLayout(layout, { tag, layers: [entries] })
    await writeFile(archive, encodeLayer(entries))
    return { layout, tag, archive }
  }
  const access = { dockerConfig: join(directory, 'docker') }
  return { directory, store, bases: [await base('old'), await base('new')], access }
}

/** What one pushes the other reads, and the other way round. */
async function exchange(
  { store, bases: [old, next], access }: Scene,
  { client, place }: { readonly client: RegistryClient; readonly place: string },
): Promise<void> {
  const at = (name: string): string => `${place}/${name}`
  const model = 'models/m/w.bin'
  await client.push(old, at('base:old'))
  await client.push(next, at('base:new'))
  const copied = await copy({ from: at('base:old'), to: at('copied:old'), access })
  assert.equal(copied.digest, await digestIn(at('base'), 'old'))
  assert.deepEqual(await client.pull(at('copied:old'), 'app/main.py'), { digest: copied.digest, text: 'old' })
  const put = (number: number, image: string) =>
    embed(store, { models: [`m:${number}=/app/m`], image: at(image), result: at('app:v1'), access })
  const embedded = await put(1, 'copied:old')
  assert.deepEqual(await client.pull(at('app:v1'), model), { digest: embedded.digest, text: 'weights 1' })
  const swapped = await put(2, 'app:v1')
  assert.deepEqual(await client.pull(at('app:v1'), model), { digest: swapped.digest, text: 'weights 2' })
  const moved = await rebase(store, {
    image: at('app:v1'),
    base: at('base:new'),
    result: at('app:v2'),
    access,
  })
  assert.deepEqual(await client.pull(at('app:v2'), model), { digest: moved.digest, text: 'weights 2' })
  assert.equal((await client.pull(at('app:v2'), 'app/main.py')).text, 'new')
}

/** A model goes out, through a client, and back: the same version. */
async function carry(
  { directory, store, access }: Scene,
  { client, place }: { readonly client: RegistryClient; readonly place: string },
): Promise<void> {
  const pushed = await push(store, { ref: 'm:1', remote: `${place}/m:prod`, access })
  await client.carry?.(`${place}/m:prod`, `${place}/back:1`)
  const other = await openStore(join(directory, `other-${client.name}-${Math.random()}`))
  const back = await pull(other, { remote: `${place}/back:1`, access })
  assert.deepEqual([back.digest, back.number, back.kind], [pushed.digest, 1, 'version'])
  assert.deepEqual((await other.verify()).problems, [])
}

function digestIn(place: string, tag: string): Promise<string | undefined> {
  const [host = '', ...name] = place.split('/')
  return openRepository({ host, name: name.join('/') }).headManifest(tag)
}

for (const [name, { skip, start }] of Object.entries(REGISTRIES)) {
  test(`at ${name}, what Ballast writes others read, and the reverse, byte for byte`, { skip }, async (t) => {
    const made = await scene(t)
    const host = await start(t)
    for (const [client, { skip, open }] of Object.entries(CLIENTS)) {
      await t.test(client, { skip }, async (t) => {
        const opened = await open(t)
        const place = { client: opened, place: `${host}/${client}` }
        await exchange(made, place)
        if (opened.carry !== undefined) await carry(made, place)
      })
    }
  })
}

test('files that oras pushes are pulled as a model, and oras pulls the files of a model', {
  skip: notOnPath('oras', 'version') || (dockerRegistryMissing() ?? false),
}, async (t) => {
  const { directory, store, access } = await scene(t)
  const host = await startAs(t, 'docker-registry')
  const [from, to] = [join(directory, 'files'), join(directory, 'pulled')]
  await writeFiles(from, { 'w.bin': 'weights', 'sub/vocab.txt': 'words' })
  const files = ['w.bin:application/octet-stream', 'sub/vocab.txt:text/plain']
  const pushFiles = ['push', '--no-tty', '--plain-http', `${host}/files:v1`, ...files]
  await call('env', '-C', from, 'oras', ...pushFiles)
  const pulled = await pull(store, { remote: `${host}/files:v1`, access })
  const { files: listed } = await store.readVersion(pulled.digest)
  assert.deepEqual(listed.map(({ path, size }) => [path, size]).sort(), [
    ['sub/vocab.txt', 5],
    ['w.bin', 7],
  ])
  await push(store, { ref: pulled.ref, remote: `${host}/model:v1`, access })
  await call('oras', 'pull', '--no-tty', '--plain-http', '-o', to, `${host}/model:v1`)
  await call('diff', '-r', from, to)
})
