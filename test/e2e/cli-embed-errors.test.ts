import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { type BaseEntry, writeImageLayout } from '../fixtures/image-layout.ts'

interface Setting {
  readonly store: string
  readonly layout: string
  readonly base: string
}

const APPLICATION: readonly BaseEntry[] = [{ path: 'app/' }, { path: 'app/server.py', text: 'pass' }]

async function setUp(
  t: TestContext,
  {
    entries = APPLICATION,
    config = {},
  }: { entries?: readonly BaseEntry[]; config?: Record<string, unknown> } = {},
): Promise<Setting> {
  const root = await mkdtemp(join(tmpdir(), 'ballast-embed-errors-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  await mkdir(join(root, 'source'))
  await writeFile(join(root, 'source', 'weights.bin'), 'weights')
  const store = join(root, 'store')
  await ask(['add', 'sentiment', join(root, 'source')], { store })
  const layout = join(root, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [entries], config })
  return { store, layout, base: `oci:${layout}:base` }
}

test('a base image that is not there', async (t) => {
  const { store, layout } = await setUp(t)
  const embed = (image: string): string[] => [
    'embed',
    'sentiment=/app/models',
    image,
    '-t',
    `oci:${layout}:out`,
  ]
  const tag = { code: 3, names: [`oci:${layout}`, 'missing'], next: 'check name and tag' }
  await assertFails(embed(`oci:${layout}:missing`), tag, { store })
  const nowhere = { code: 3, names: [`${layout}-not`], next: 'name the directory' }
  await assertFails(embed(`oci:${layout}-not`), nowhere, { store })
  const registry = await serveHttp(t, (_, answer) => answer.writeHead(404).end())
  const image = { code: 3, names: [`${registry}/app`, 'v1'], next: 'check name and tag' }
  await assertFails(embed(`${registry}/app:v1`), image, { store })
})

test('a model that is not there, before the base is asked for', async (t) => {
  const { store, layout } = await setUp(t)
  await assertFails(
    ['embed', 'sentimnet=/app/models', `oci:${layout}:missing`, '-t', `oci:${layout}:out`],
    { code: 3, names: ['sentimnet', store], next: 'did you mean sentiment?' },
    { store },
  )
})

test('a placement that would hide files of the base, or lie in a volume', async (t) => {
  const entries = [...APPLICATION, { path: 'app/models/' }, { path: 'app/models/own.bin', text: 'mine' }]
  const { store, layout, base } = await setUp(t, { entries, config: { Volumes: { '/data': {} } } })
  const before = await readFile(join(layout, 'index.json'), 'utf8')
  const embed = (path: string): string[] => ['embed', `sentiment=${path}`, base, '-t', `oci:${layout}:out`]
  const hides = { code: 4, names: ['/app/models'], next: /own\.bin|another|--at|empty/ }
  await assertFails(embed('/app/models'), hides, { store })
  await assertFails(embed('/app/server.py'), { code: 4, names: ['/app/server.py'], next: /./ }, { store })
  await assertFails(embed('/data/models'), { code: 4, names: ['/data'], next: /volume/i }, { store })
  assert.equal(await readFile(join(layout, 'index.json'), 'utf8'), before)
})

test('operands of embed that break the rules', async (t) => {
  const { store, base, layout } = await setUp(t)
  const result = ['-t', `oci:${layout}:out`]
  await assertFails(
    ['embed', 'sentiment=/app/models', base],
    { code: 2, names: ['resulting image'], next: `-t ${base}` },
    { store },
  )
  await assertFails(
    ['embed', base, ...result],
    { code: 2, names: ['a model and an image'], next: 'ballast embed' },
    { store },
  )
  await assertFails(
    ['embed', 'sentiment=app/models', base, ...result],
    { code: 2, names: ['sentiment=app/models'], next: 'REF=PATH' },
    { store },
  )
  await assertFails(
    ['embed', 'sentiment=/app/models', join(layout, 'index.json'), ...result],
    { code: 2, names: ['index.json'], next: 'oci:DIRECTORY:TAG' },
    { store },
  )
})

test('a directory for the result that holds something else', async (t) => {
  const { store, base, layout } = await setUp(t)
  const other = join(layout, '..', 'source')
  await assertFails(
    ['embed', 'sentiment=/app/models', base, '-t', `oci:${other}:out`],
    { code: 4, names: ['source'], next: 'name an empty or new directory' },
    { store },
  )
  assert.deepEqual(await readdir(other), ['weights.bin'])
})

test('a registry that refuses', async (t) => {
  const { store, base } = await setUp(t)
  const denied = '{"errors":[{"code":"DENIED","message":"no pushes here"}]}'
  const registry = await serveHttp(t, (request, answer) => {
    if (request.method === 'POST' || request.method === 'PUT') answer.writeHead(403).end(denied)
    else answer.writeHead(404).end()
  })
  await assertFails(
    ['embed', 'sentiment=/app/models', base, '-t', `${registry}/app:out`],
    { code: 6, names: [registry, 'no pushes here'], next: /login|log in|credentials|permission|rights/i },
    { store },
  )
})

test('a registry that is not there, and one that goes away in the middle', async (t) => {
  const { store, base } = await setUp(t)
  const embed = (host: string): string[] => ['embed', 'sentiment=/app/models', base, '-t', `${host}/app:out`]
  const gone = await freeAddress()
  await assertFails(embed(gone), { code: 6, names: [gone], next: /running|reach|again|refused/i }, { store })
  const cut = await serveHttp(t, (request, answer) => {
    if (request.method === 'POST') request.socket.destroy()
    else answer.writeHead(404).end()
  })
  await assertFails(embed(cut), { code: 6, names: [cut], next: /running|reach|again|connection/i }, { store })
})

async function serveHttp(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function freeAddress(): Promise<string> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `127.0.0.1:${port}`
}
