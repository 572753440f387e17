import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { callPlugin, pluginMissing, unmountBelow } from '../../test/fixtures/plugin.ts'
import { addVersion, fileOf, flipBit } from '../../test/fixtures/store.ts'
import { isBallastError, withLock } from '../core/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { serveDockerPlugin } from './docker-plugin.ts'

const skip = pluginMissing()
const MODEL = { 'sentiment_model.pkl': 'weights of one', 'config/labels.txt': 'good bad' }
const PODMAN_ID = '2f73349cfc4630255319c6c8dfc1b46a8996ace9d14d8e07563b165915918ec2'

interface Place {
  readonly store: Store
  readonly socket: string
  readonly said: readonly string[]
  readonly call: (method: string, body?: unknown) => ReturnType<typeof callPlugin>
  /** Ends the plugin and starts it again over what it left. */
  readonly restart: () => Promise<void>
}

async function place(t: TestContext): Promise<Place> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ballast-plugin-')))
  const store = await openStore(join(root, 'store'))
  const socket = join(root, 'models.sock')
  const said: string[] = []
  const engine = (): Promise<never> => Promise.reject(new Error('there is no Engine'))
  const start = () =>
    serveDockerPlugin(store, { listen: { path: socket }, engine, log: (line) => said.push(line) })
  let plugin = await start()
  t.after(async () => {
    await plugin.close()
    await unmountBelow(root)
    await rm(root, { recursive: true, force: true })
  })
  return {
    store,
    socket,
    said,
    call: (method, body) => callPlugin(socket, method, body),
    async restart() {
      await plugin.close()
      plugin = await start()
    },
  }
}

async function created(t: TestContext, options: Readonly<Record<string, string>> = {}): Promise<Place> {
  const at = await place(t)
  await addVersion(at.store, 'sentiment:prod', MODEL)
  const { status } = await at.call('VolumeDriver.Create', {
    Name: 'ml',
    Opts: { ref: 'sentiment:prod', ...options },
  })
  assert.equal(status, 200)
  return at
}

async function mounted({ call }: Place, ID: string, Name = 'ml'): Promise<string> {
  const { status, body } = await call('VolumeDriver.Mount', { Name, ID })
  assert.equal(status, 200, body.Err)
  return body.Mountpoint as string
}

async function users({ call }: Place): Promise<number> {
  const { body } = await call('VolumeDriver.Get', { Name: 'ml' })
  return (body.Volume as { Status: { users: number } }).Status.users
}

test('an Engine learns what the plugin is, whatever headers and body it sends', { skip }, async (t) => {
  const { socket, call } = await created(t)
  assert.deepEqual((await call('Plugin.Activate')).body, { Implements: ['VolumeDriver'], Err: '' })
  assert.deepEqual((await call('VolumeDriver.Capabilities', {})).body, {
    Capabilities: { Scope: 'local' },
    Err: '',
  })
  for (const headers of [{}, { 'content-type': 'text/plain' }, { 'content-type': 'application/json' }]) {
    const { body } = await callPlugin(socket, 'VolumeDriver.Get', { Name: 'ml' }, { headers })
    const { Name, CreatedAt } = body.Volume as { Name: string; CreatedAt: string }
    assert.equal(Name, 'ml')
    assert.match(CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  }
  for (const body of [undefined, '', '{}', 'null']) {
    const { status } = await call('VolumeDriver.List', body)
    assert.equal(status, body === 'null' ? 500 : 200)
  }
})

test('what cannot be understood is refused with status 500 and a sentence, and leaves the plugin at work', {
  skip,
}, async (t) => {
  const { socket, call } = await created(t)
  for (const method of ['Create', 'Remove', 'Mount', 'Unmount', 'Get', 'Path']) {
    for (const body of [undefined, '', '{', '[]', '"x"', { Name: 7, ID: 'a' }, { Name: '' }]) {
      const { status, body: answer } = await call(`VolumeDriver.${method}`, body)
      assert.equal(status, 500, `${method} ${JSON.stringify(body)}`)
      assert.notEqual(answer.Err, '')
    }
  }
  assert.equal((await call('VolumeDriver.Fly', {})).status, 404)
  assert.equal((await callPlugin(socket, 'VolumeDriver.List', undefined, { verb: 'GET' })).status, 404)
  assert.equal((await call('VolumeDriver.Create', `{"Name":"${'a'.repeat(2 << 20)}"}`)).status, 500)
  for (const Name of ['../up', 'a/b', '.', '.hidden', 'a'.repeat(300)]) {
    assert.equal(
      (await call('VolumeDriver.Create', { Name, Opts: { ref: 'sentiment:prod' } })).status,
      500,
      Name,
    )
  }
  assert.equal((await call('VolumeDriver.List')).status, 200)
})

test('a volume is created once, and not changed by a second call', { skip }, async (t) => {
  const { call } = await created(t)
  const Name = 'ml'
  assert.equal((await call('VolumeDriver.Create', { Name, Opts: { ref: 'sentiment:prod' } })).status, 200)
  const other = await call('VolumeDriver.Create', { Name, Opts: { ref: 'sentiment:1' } })
  assert.equal(other.status, 500)
  assert.match(other.body.Err ?? '', /other options.*docker volume rm ml/)
  for (const Opts of [null, undefined, {}]) {
    const { status, body } = await call('VolumeDriver.Create', { Name: 'other', Opts })
    assert.equal(status, 500)
    assert.match(body.Err ?? '', /-o ref=/)
  }
  const { body } = await call('VolumeDriver.List')
  assert.deepEqual(body.Volumes, [{ Name, Mountpoint: '' }])
})

test('a model that is not there yet can be named, and is refused when it is mounted', { skip }, async (t) => {
  const at = await place(t)
  const { call, said, store } = at
  assert.equal(
    (await call('VolumeDriver.Create', { Name: 'ml', Opts: { ref: 'sentiment:prod' } })).status,
    200,
  )
  assert.match(said.join('\n'), /warning: .*no model sentiment/)
  const refused = await call('VolumeDriver.Mount', { Name: 'ml', ID: 'a' })
  assert.equal(refused.status, 500)
  assert.match(refused.body.Err ?? '', /no model sentiment in the store .*; to add it: ballast add sentiment/)
  assert.equal(await users(at), 0)
  await addVersion(store, 'sentiment:prod', MODEL)
  assert.equal(await readFile(join(await mounted(at, 'a'), 'sentiment_model.pkl'), 'utf8'), 'weights of one')
})

test("what is mounted are the store's own files, and nobody can write to them", { skip }, async (t) => {
  const at = await created(t)
  const mountpoint = await mounted(at, 'a')
  const { version } = await addVersion(at.store, 'sentiment:prod', MODEL)
  for (const path of Object.keys(MODEL)) {
    const blob = await stat(at.store.blobs.path(fileOf(version, path).digest))
    assert.equal((await stat(join(mountpoint, path))).ino, blob.ino)
    await assert.rejects(writeFile(join(mountpoint, path), 'x'), { code: 'EROFS' })
  }
  await assert.rejects(rm(join(mountpoint, 'config'), { recursive: true }), { code: 'EROFS' })
})

test('identifiers are counted, one by one and each as often as it came', { skip }, async (t) => {
  const at = await created(t)
  const { call } = at
  const mountpoint = await mounted(at, 'a')
  assert.equal(await mounted(at, 'a'), mountpoint)
  assert.equal(await mounted(at, 'b'), mountpoint)
  assert.equal(await users(at), 3)
  await call('VolumeDriver.Unmount', { Name: 'ml', ID: 'a' })
  await call('VolumeDriver.Unmount', { Name: 'ml', ID: 'b' })
  assert.ok((await readdir(mountpoint)).includes('sentiment_model.pkl'), 'a is still there')
  await call('VolumeDriver.Unmount', { Name: 'ml', ID: 'a' })
  assert.equal(await users(at), 0)
  // Neither an empty directory that an Engine could take for the model.
  await assert.rejects(stat(mountpoint), { code: 'ENOENT' })
  for (const body of [
    { Name: 'ml', ID: 'a' },
    { Name: 'ml', ID: 'never seen' },
    { Name: 'gone', ID: 'a' },
  ]) {
    assert.equal((await call('VolumeDriver.Unmount', body)).status, 200)
  }
})

test("Podman's one identifier is not added up, and looks the tag up each time", { skip }, async (t) => {
  const at = await created(t)
  await mounted(at, PODMAN_ID)
  await addVersion(at.store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of two' })
  const mountpoint = await mounted(at, PODMAN_ID)
  assert.equal(await users(at), 1)
  assert.equal(await readFile(join(mountpoint, 'sentiment_model.pkl'), 'utf8'), 'weights of two')
})

test('a tag is looked up when the first user comes, and stays for the others', { skip }, async (t) => {
  const at = await created(t)
  const read = (mountpoint: string): Promise<string> =>
    readFile(join(mountpoint, 'sentiment_model.pkl'), 'utf8')
  assert.equal(await read(await mounted(at, 'a')), 'weights of one')
  await addVersion(at.store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of two' })
  assert.equal(await read(await mounted(at, 'b')), 'weights of one')
  for (const ID of ['a', 'b']) await at.call('VolumeDriver.Unmount', { Name: 'ml', ID })
  assert.equal(await read(await mounted(at, 'c')), 'weights of two')
})

test('a damaged file is refused with the command that mends it, for the second container too', {
  skip,
}, async (t) => {
  const at = await created(t)
  await mounted(at, 'a')
  const { version } = await addVersion(at.store, 'sentiment:prod', MODEL)
  await flipBit(at.store.blobs.path(fileOf(version, 'sentiment_model.pkl').digest))
  for (const ID of ['b', 'c']) {
    const { status, body } = await at.call('VolumeDriver.Mount', { Name: 'ml', ID })
    assert.equal(status, 500)
    assert.match(body.Err ?? '', /damaged.*ballast add sentiment/)
  }
  assert.equal(await users(at), 1)
  await addVersion(at.store, 'sentiment:prod', MODEL)
  const mended = await mounted(at, 'd')
  assert.equal(await readFile(join(mended, 'sentiment_model.pkl'), 'utf8'), 'weights of one')
})

test('volumes, their users and their mounts outlive the process', { skip }, async (t) => {
  const at = await created(t)
  const mountpoint = await mounted(at, 'a')
  await at.restart()
  assert.equal(await users(at), 1)
  assert.equal(await readFile(join(mountpoint, 'sentiment_model.pkl'), 'utf8'), 'weights of one')
  // Held again before anybody is answered.
  await (await at.store.begin()).close()
  await at.store.gc()
  await at.call('VolumeDriver.Unmount', { Name: 'ml', ID: 'a' })
  assert.equal(await users(at), 0)
})

test('gc spares what a volume serves, and the plugin leaves the store clean', { skip }, async (t) => {
  const at = await created(t)
  await mounted(at, 'a')
  const { version } = await addVersion(at.store, 'sentiment:prod', {
    'sentiment_model.pkl': 'weights of two',
  })
  assert.ok(version)
  const { problems } = await at.store.verify()
  assert.deepEqual(problems, [])
  await at.store.gc()
  assert.deepEqual((await at.store.verify()).problems, [])
})

test('what is written to a writable volume is its own, and stays until the volume goes', {
  skip,
}, async (t) => {
  const at = await created(t, { rw: 'true' })
  const mountpoint = await mounted(at, 'a')
  await writeFile(join(mountpoint, 'sentiment_model.pkl'), 'overwritten')
  await rm(join(mountpoint, 'config'), { recursive: true })
  await at.call('VolumeDriver.Unmount', { Name: 'ml', ID: 'a' })
  await at.restart()
  const again = await mounted(at, 'b')
  assert.equal(await readFile(join(again, 'sentiment_model.pkl'), 'utf8'), 'overwritten')
  assert.deepEqual((await at.store.verify()).problems, [])
  await at.call('VolumeDriver.Create', { Name: 'other', Opts: { ref: 'sentiment:prod' } })
  assert.equal(
    await readFile(join(await mounted(at, 'a', 'other'), 'sentiment_model.pkl'), 'utf8'),
    'weights of one',
  )
  await at.call('VolumeDriver.Unmount', { Name: 'ml', ID: 'b' })
  assert.equal((await at.call('VolumeDriver.Remove', { Name: 'ml' })).status, 200)
  assert.deepEqual(await readdir(join(at.store.root, 'ballast/plugins/models/writable')), [])
})

test('a following volume changes while it is mounted, and keeps its version when the tag breaks', {
  skip,
}, async (t) => {
  const at = await place(t)
  const { store, call } = at
  await addVersion(store, 'sentiment:prod', { 'model.pkl': 'one' })
  await call('VolumeDriver.Create', { Name: 'ml', Opts: { ref: 'sentiment:prod', follow: 'true' } })
  const file = join(await mounted(at, 'a'), 'model.pkl')
  assert.equal(await readFile(file, 'utf8'), 'one')
  await addVersion(store, 'sentiment:prod', { 'model.pkl': 'two' })
  await until(async () => (await readFile(file, 'utf8')) === 'two')
  await at.restart()
  const { version } = await addVersion(store, 'sentiment:next', { 'model.pkl': 'three' })
  await rm(store.blobs.path(fileOf(version, 'model.pkl').digest))
  {
    await using session = await store.begin()
    const move = { digest: version.digest, kind: 'model', by: 'tag' } as const
    await store.records.moveTag(session, 'sentiment' as never, 'prod' as never, move)
  }
  await until(async () => at.said.some((line) => /^ml: .*ballast add sentiment/.test(line)))
  assert.equal(await readFile(file, 'utf8'), 'two')
})

test('a number does not move, so it cannot be followed', { skip }, async (t) => {
  const { call } = await created(t)
  const { status, body } = await call('VolumeDriver.Create', {
    Name: 'pinned',
    Opts: { ref: 'sentiment:1', follow: 'true' },
  })
  assert.equal(status, 500)
  assert.match(body.Err ?? '', /never moves/)
})

test('a caller who hangs up while the model is made ready leaves no user behind', { skip }, async (t) => {
  const at = await created(t)
  // Whoever relies on blobs waits for a gc.
  await withLock(join(at.store.root, 'ballast/locks/gc'), { timeoutMs: 0 }, async () => {
    const outgoing = request({ socketPath: at.socket, path: '/VolumeDriver.Mount', method: 'POST' })
    outgoing.on('error', () => undefined)
    outgoing.end(JSON.stringify({ Name: 'ml', ID: 'a' }))
    await once(outgoing, 'finish')
    await until(async () => (await readdir(join(at.store.root, 'ballast/sessions'))).length > 0)
    outgoing.destroy()
  })
  const { status } = await at.call('VolumeDriver.Mount', { Name: 'ml', ID: 'b' })
  assert.equal(status, 200)
  await until(async () => at.said.some((line) => line.includes('nobody waits')))
  assert.equal(await users(at), 1)
})

test('fifty containers at once share one mount', { skip }, async (t) => {
  const at = await created(t)
  const ids = Array.from({ length: 50 }, (_, index) => `container ${index}`)
  const mountpoints = new Set(await Promise.all(ids.map((id) => mounted(at, id))))
  assert.equal(mountpoints.size, 1)
  assert.equal(await users(at), 50)
  await Promise.all(ids.map((ID) => at.call('VolumeDriver.Unmount', { Name: 'ml', ID })))
  assert.equal(await users(at), 0)
})

test('a second process is refused, on the socket as well as on the state', { skip }, async (t) => {
  const at = await place(t)
  const engine = (): Promise<never> => Promise.reject(new Error('there is no Engine'))
  const log = (): void => undefined
  const root = join(at.store.root, '..')
  const again = serveDockerPlugin(at.store, { listen: { path: at.socket }, engine, log })
  await assert.rejects(again, (error) => isBallastError(error, 'CONFLICT'))
  const elsewhere = serveDockerPlugin(await openStore(join(root, 'other')), {
    listen: { path: at.socket },
    engine,
    log,
  })
  await assert.rejects(
    elsewhere,
    (error) => isBallastError(error, 'CONFLICT') && /answers/.test(error.message),
  )
  assert.equal((await at.call('VolumeDriver.List')).status, 200)
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, 'it never came to be')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
