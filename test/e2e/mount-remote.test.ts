import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createStoreStorage, startRegistry } from '../../src/registry/index.ts'
import type { MountResult } from '../../src/workflows/mount.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { addVersion, randomModel, temporaryStore } from '../fixtures/store.ts'
import { pathsIn, temporaryDirectory } from '../fixtures/temporary.ts'

interface World {
  readonly directory: string
  readonly ref: string
  /** Of a user who has no store. */
  readonly options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> }
  readonly add: (seed: string) => Promise<unknown>
}

async function world(t: TestContext): Promise<World> {
  const store = await temporaryStore(t)
  const add = (seed: string): Promise<unknown> =>
    addVersion(store, 'team/sentiment:prod', {
      ...randomModel(seed),
      'big.bin': Buffer.alloc(24 << 20, seed),
    })
  await add('one')
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(() => registry.close())
  const directory = await temporaryDirectory(t)
  const env = { XDG_DATA_HOME: join(directory, 'no-store-here'), BALLAST_STORE: undefined }
  return { directory, add, ref: `${registry.host}/team/sentiment:prod`, options: { cwd: directory, env } }
}

test('a version of a registry becomes a directory in one step, and nothing else is left', async (t) => {
  const { directory, ref, options } = await world(t)
  const mounted = await ask<MountResult>(['mount', ref, './models/live'], options)
  assert.equal(mounted.version, 'team/sentiment:1')
  assert.equal(mounted.bytesCopied, 0, 'what was fetched is the target')
  assert.deepEqual(await readdir(join(directory, 'models')), ['live'])
  const info = await stat(join(directory, 'models/live/big.bin'))
  assert.deepEqual([info.nlink, info.mode & 0o777], [1, 0o644])
  assert.equal((await run(['check', './models/live'], options)).code, 0)
  // A container that is started again finds it there.
  const again = await ask<MountResult>(['mount', ref, './models/live'], options)
  assert.equal(again.how, 'unchanged')
  assert.deepEqual(
    (await pathsIn(directory)).filter((path) => path.includes('store')),
    [],
  )
})

test('a target that can follow is begun without a store, and changes as any other', async (t) => {
  const { directory, ref, add, options } = await world(t)
  await ask(['mount', ref, './live', '--follow', '--once'], options)
  await add('two')
  const second = await ask<MountResult>(['mount', ref, './live', '--follow', '--once'], options)
  assert.equal(second.version, 'team/sentiment:2')
  assert.match(await readFile(join(directory, 'live/sentiment/config.json'), 'utf8'), /two/)
  assert.deepEqual(await readdir(directory), ['live'])
})

test('one that is killed is taken up by the next, and what is there stays until another is wanted', async (t) => {
  const { directory, ref, add, options } = await world(t)
  for (const ms of [350, 600]) {
    const killed = start(['mount', ref, './live'], options)
    await sleep(ms)
    killed.kill()
    await killed.ended
    const found = await readdir(directory)
    assert.ok(
      found.every((name) => name === 'live' || name.startsWith('.live.ballast-')),
      `${found}`,
    )
  }
  await ask(['mount', ref, './live'], options)
  assert.deepEqual(await readdir(directory), ['live'])
  await add('two')
  const refused = await run(['mount', ref, './live'], options)
  assert.equal(refused.code, 5, refused.stderr)
  await ask(['mount', ref, './live', '--replace'], options)
  assert.match(await readFile(join(directory, 'live/config.json'), 'utf8'), /two/)
})

test('where a store is named the version goes through it', async (t) => {
  const { directory, ref, options } = await world(t)
  const store = join(directory, 'store')
  await ask(['mount', ref, './live', '--store', store], options)
  const listed = await ask<readonly { readonly ref: string }[]>(['list', '--store', store], options)
  assert.deepEqual(
    listed.map((one) => one.ref),
    ['team/sentiment:1'],
  )
})

test('with --link to a named store the bytes are there once', async (t) => {
  const { directory, ref, options } = await world(t)
  const args = ['mount', ref, './live', '--follow', '--once', '--link', '--store', join(directory, 'store')]
  const mounted = await ask<MountResult>(args, options)
  assert.equal(mounted.bytesCopied, 0)
  assert.equal((await stat(join(directory, 'live/sentiment/big.bin'))).nlink, 2)
})

test('former versions that are to be kept are shown, and an option that makes no sense is refused', async (t) => {
  const { directory, ref, add, options } = await world(t)
  const args = ['mount', ref, './served', '--layout', 'tfserving', '--follow', '--once', '--keep', '2']
  for (const seed of ['two', 'three', 'four']) {
    await ask(args, options)
    await add(seed)
  }
  await ask(args, options)
  assert.deepEqual((await readdir(join(directory, 'served/sentiment'))).sort(), ['2', '3', '4'])
  const keep = { code: 2, names: ['--keep'], next: 'one version' }
  await assertFails(['mount', ref, './other', '--keep', '2'], keep, options)
})

test('what cannot be mounted so is refused, and leaves nothing', async (t) => {
  const { directory, ref, options } = await world(t)
  const absent = ref.replace(':prod', ':absent')
  await assertFails(
    ['mount', absent, './live'],
    { code: 3, names: [absent], next: 'check the name' },
    options,
  )
  const follow = { code: 2, names: ['--follow'], next: 'ballast serve --follow' }
  await assertFails(['mount', ref, './live', '--follow'], follow, options)
  const nowhere = 'localhost:1/sentiment:prod'
  await assertFails(['mount', nowhere, './live'], { code: 6, names: ['localhost:1'], next: /./ }, options)
  assert.deepEqual(await readdir(directory), [])
})

test('a file of a web server becomes a directory in one step', async (t) => {
  const { directory, options } = await world(t)
  const server = createServer((request, response) => {
    const bytes = Buffer.from('weights of the web')
    const headers = { etag: '"one"', 'content-length': bytes.length }
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : bytes)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const address = `http://127.0.0.1:${port}/models/Sentiment.bin`
  const mounted = await ask<MountResult>(['mount', address, './live'], options)
  assert.equal(mounted.version, 'sentiment-bin:1')
  assert.equal(await readFile(join(directory, 'live/Sentiment.bin'), 'utf8'), 'weights of the web')
  assert.deepEqual(await readdir(directory), ['live'])
})
