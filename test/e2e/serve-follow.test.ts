import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { TargetStatus } from '../../src/serve/index.ts'
import { openStore } from '../../src/store/index.ts'
import { type Running, start } from '../fixtures/command.ts'
import { assertFails } from '../fixtures/failing.ts'
import { addVersion } from '../fixtures/store.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

interface World {
  readonly directory: string
  readonly options: { readonly store: string; readonly cwd: string }
  readonly add: (reference: string, text: string) => Promise<unknown>
  readonly declare: (...targets: readonly object[]) => Promise<void>
}

async function world(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const options = { store: join(directory, 'store'), cwd: directory }
  const store = await openStore(options.store)
  return {
    directory,
    options,
    add: (reference, text) => addVersion(store, reference, { 'model.bin': text }),
    declare: (...targets) => writeFile(join(directory, 'ballast.yaml'), JSON.stringify({ targets })),
  }
}

interface Service {
  readonly process: Running
  readonly get: (path: string) => Promise<Response>
  readonly statuses: () => Promise<readonly TargetStatus[]>
}

async function serve(t: TestContext, { options }: World): Promise<Service> {
  const process = start(['serve', '--follow', '--status', '127.0.0.1:0', '--json'], options)
  t.after(process.kill)
  await eventually(async () => assert.match(process.stdout(), /\n/))
  const { status } = JSON.parse(process.stdout().split('\n')[0] ?? '') as { readonly status: string }
  const get = (path: string): Promise<Response> => fetch(`${status}${path}`)
  return {
    process,
    get,
    statuses: async () => ((await (await get('/targets')).json()) as { targets: TargetStatus[] }).targets,
  }
}

const live = { ref: 'sentiment:prod', to: './live', follow: true, every: '200ms' }

test('targets are delivered and kept up, the file is read again, and SIGTERM ends it well', async (t) => {
  const at = await world(t)
  const read = (path: string): Promise<string> => readFile(join(at.directory, path), 'utf8')
  await at.add('sentiment:prod', 'one')
  const absent = { ref: 'topics:prod', to: './topics', follow: true, every: '200ms' }
  await at.declare(live, { ref: 'sentiment:1', to: './pinned' }, absent)
  const { process, get, statuses } = await serve(t, at)
  await eventually(async () =>
    assert.deepEqual(
      (await statuses()).map(({ is }) => is),
      ['current', 'current', 'waiting'],
    ),
  )
  const ready = await get('/readyz')
  assert.equal(ready.status, 503)
  assert.match(await ready.text(), /"to":"[^"]*\/topics","why":"no model topics in the store/)
  await at.add('topics:prod', 'first')
  await eventually(async () => assert.equal((await get('/readyz')).status, 200))

  await at.add('sentiment:prod', 'two')
  await eventually(async () => assert.equal(await read('live/sentiment/model.bin'), 'two'))
  assert.equal(await read('pinned/model.bin'), 'one')

  await writeFile(join(at.directory, 'ballast.yaml'), 'targets: [')
  process.child.kill('SIGHUP')
  await at.add('sentiment:prod', 'three')
  await eventually(async () => assert.equal(await read('live/sentiment/model.bin'), 'three'))
  await at.declare(live)
  process.child.kill('SIGHUP')
  await eventually(async () => assert.equal((await statuses()).length, 1))
  assert.equal(await read('topics/model.bin'), 'first', 'what was delivered stays')

  process.child.kill('SIGTERM')
  const { code, stderr } = await process.ended
  assert.equal(code, 0, stderr)
  assert.match(stderr, /it stays as it was read before: ballast\.yaml:\d/)
})

test('a service that is started again is ready at once with what is there, and says that its source is out of reach', async (t) => {
  const at = await world(t)
  await at.add('sentiment:prod', 'one')
  await at.declare(live)
  const first = await serve(t, at)
  await eventually(async () => assert.equal((await first.get('/readyz')).status, 200))
  first.process.kill()
  await first.process.ended
  await at.declare({ ...live, from: 'localhost:1/sentiment:prod' })
  const { get, statuses } = await serve(t, at)
  await eventually(async () => assert.equal((await statuses())[0]?.is, 'stale'))
  await eventually(async () => assert.equal((await statuses())[0]?.trouble?.code, 'REMOTE'))
  assert.equal((await get('/readyz')).status, 200)
  assert.match(await (await get('/metrics')).text(), /^ballast_target_stale\{.*\} 1$/m)
})

test('what keeps it from beginning is told', async (t) => {
  const at = await world(t)
  const { options } = at
  const follow = ['serve', '--follow']
  await assertFails(follow, { code: 3, names: ['ballast.yaml'], next: '--file' }, options)
  await at.declare(live)
  await assertFails(
    [...follow, '--max-disk', 'much'],
    { code: 2, names: ['--max-disk much'], next: 'write it as' },
    options,
  )
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await assertFails(
    [...follow, '--status', taken],
    { code: 5, names: [taken], next: 'another port' },
    options,
  )
})
