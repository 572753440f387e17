import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ask, type Running, run, start } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { freePort } from '../fixtures/loopback-server.ts'
import { nodeExampleImage, nodeExampleMissing } from '../fixtures/node-example.ts'
import { overNetwork } from '../fixtures/over-network.ts'
import { askSteadily, assertServed, versionOf } from '../fixtures/reload.ts'
import { portOf } from '../fixtures/switch.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

const skip = nodeExampleMissing()
const ends: (() => Promise<unknown>)[] = []
let image = ''

before(async () => {
  if (skip === false)
    image = await nodeExampleImage({ after: (end) => void ends.push(end as () => Promise<void>) })
})
after(() => Promise.all(ends.map((end) => end())))

test('replicas of the application that have the target mounted are told one after the other; all go back', {
  skip,
}, async (t) => {
  const place = await prepare(t)
  const [first, second] = [await place.replica(), await place.replica()]
  // Of the same image, with another model.
  const other = await prepare(t)
  const stranger = await other.replica()
  await place.declare('http: "POST http://localhost:8000/reload", containers: image, within: 500ms')
  const stop = [first, second].map(({ url }) => askSteadily(url))
  t.after(() => Promise.all(stop.map((end) => end())))
  const follower = place.follow([])
  await place.add(versionOf(2))
  await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
  await place.add(versionOf(3, 'never'))
  await eventually(async () =>
    assert.match(follower.stdout(), /sentiment:3 failed: .*; sentiment:2 put back\n/),
  )
  assert.match(
    follower.stdout(),
    new RegExp(`api: ${[first.name, second.name].sort()[0]}: not ready after 0\\.5 s`),
  )
  const asked = await Promise.all(stop.map((end) => end()))
  const told = asked.filter(({ versions }) => versions.includes(3))
  assert.equal(told.length, 1, 'the other one was never told')
  for (const one of asked) assertServed(one, one === told[0] ? [1, 2, 3] : [1, 2])
  assert.deepEqual(await Promise.all([first, second, stranger].map(served)), [2, 2, 1])
  await place.add(versionOf(4, 'late'))
  await eventually(async () =>
    assert.match(follower.stdout(), /sentiment:4 failed: .*not ready after 0\.5 s.*; sentiment:2 put back\n/),
  )
  assert.deepEqual(await Promise.all([first, second].map(served)), [2, 2])
  follower.kill()
  const why = /sentiment:4 was put back: api: .*not ready after 0\.5 s/
  for (const operand of [`container:${first.name}`, place.target]) {
    const checked = await run(['check', operand], place.options)
    assert.match(checked.stdout, why, checked.stderr)
  }
  const moves = await run(['history', place.target], place.options)
  assert.match(moves.stdout, /failed: api: .*not ready after 0\.5 s/)
})

test('a signal reaches the container, and a file in it tells', { skip }, async (t) => {
  const place = await prepare(t)
  const replica = await place.replica(['--user', '0', '-e', 'READY=/ready.json'])
  const flags = ['--reload', `signal:SIGHUP@container:${replica.name}`, '--ready', 'file:/ready.json']
  const follower = place.follow([...flags, '--within', '3s'])
  await place.add(versionOf(2))
  await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
  assert.equal(await served(replica), 2)
  await place.add(versionOf(3, 'fails'))
  await eventually(async () => assert.match(follower.stdout(), /sentiment:3 failed: not ready after 3 s/))
  assert.equal(await served(replica), 2)
  follower.kill()
})

test('a container is restarted; a version that ends it goes, and it runs again', { skip }, async (t) => {
  const place = await prepare(t)
  const replica = await place.replica()
  const flags = ['--reload', `restart:container:${replica.name}`, '--within', '20s']
  const follower = place.follow([...flags, '--ready', 'GET http://localhost:8000/health'])
  await place.add(versionOf(2))
  await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
  assert.equal(await served(replica), 2)
  await place.add(versionOf(3, 'ends'))
  await eventually(async () =>
    assert.match(follower.stdout(), /sentiment:3 failed: it ended with 9; sentiment:2 put back\n/),
  )
  assert.equal(await served(replica), 2)
  follower.kill()
  // Without anything to ask it counts that it goes on running.
  const next = place.follow(flags)
  await place.add(versionOf(4))
  await eventually(async () => assert.match(next.stdout(), /sentiment:4 is ready, version not told/))
  assert.equal(await served(replica), 4)
  next.kill()
})

for (const way of ['of this host', 'that only containers get at'] as const) {
  test(`a volume ${way}, and what check says of the container that has it`, { skip }, async (t) => {
    const volume = uniqueName('ballast-reload')
    t.after(() => removeVolume(volume))
    const env: Record<string, string> = way === 'of this host' ? {} : { DOCKER_HOST: await overNetwork(t) }
    const place = await prepare(t, { target: `volume:${volume}`, env })
    const replica = await place.replica()
    await place.declare('http: "POST http://localhost:8000/reload", containers: image, within: 2s')
    const stop = askSteadily(replica.url)
    t.after(stop)
    const follower = place.follow([])
    await place.add(versionOf(2))
    await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
    await place.add(versionOf(3, 'fails'))
    await eventually(async () =>
      assert.match(follower.stdout(), /sentiment:3 failed: .*; sentiment:2 put back\n/),
    )
    assertServed(await stop(), [1, 2])
    for (const operand of [`volume:${volume}`, `container:${replica.name}:/app/models`]) {
      const ran = await run(['check', operand], place.options)
      assert.match(ran.stdout, /sentiment:3 was put back: api: .*3 layers instead of 4/, operand)
      assert.equal(ran.code, 0, ran.stdout)
    }
    // Killed between swap and proof.
    follower.kill()
    await follower.ended
    await place.declare('http: "POST http://localhost:8000/reload", containers: image, within: 30s')
    const killed = place.follow([])
    await place.add(versionOf(4, 'never'))
    await eventually(async () => assert.equal(await served(replica), 4))
    killed.kill()
    await killed.ended
    await place.declare('http: "POST http://localhost:8000/reload", containers: image, within: 1s')
    const next = place.follow([])
    await eventually(async () =>
      assert.match(next.stdout(), /sentiment:4 failed: .*; sentiment:2 put back\n/),
    )
    assert.equal(await served(replica), 2)
    next.kill()
  })
}

test('where none of its containers runs nobody is told; one that there is not is refused', {
  skip,
}, async (t) => {
  const place = await prepare(t)
  await place.add(versionOf(2))
  const stopped = uniqueName('ballast-none')
  const once = (name: string) => {
    const flags = ['--follow', '--once', '--reload', `restart:container:${name}`]
    return run(['mount', 'sentiment:prod', place.target, ...flags], place.options)
  }
  const refused = await once(stopped)
  assert.equal(refused.code, 3, refused.stdout)
  assert.match(refused.stderr, new RegExp(`there is no container ${stopped}`))
  assert.match((await run(['check', place.target], place.options)).stdout, /sentiment:1/)
  await docker(['create', '--name', stopped, image])
  t.after(() => docker(['rm', '-f', stopped]))
  const ran = await once(stopped)
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stdout, /sentiment:2 is there, and no application runs that could be told/)
})

interface Replica {
  readonly name: string
  readonly url: string
}

interface Place {
  readonly target: string
  readonly options: { readonly store: string; readonly cwd: string }
  readonly add: (contents: Contents) => Promise<unknown>
  readonly replica: (options?: readonly string[]) => Promise<Replica>
  /** Writes ballast.yaml with this way to reload. */
  readonly declare: (reload: string) => Promise<void>
  readonly follow: (flags: readonly string[]) => Running
}

async function prepare(
  t: TestContext,
  {
    target: named,
    env = {},
  }: { readonly target?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Place> {
  const directory = await temporaryDirectory(t)
  const options = { store: join(directory, 'store'), cwd: directory, env }
  const target = named ?? join(directory, 'models')
  let added = 0
  const add = async (contents: Contents): Promise<unknown> => {
    const source = await writeFiles(join(directory, `source-${++added}`), contents)
    return ask(['add', 'sentiment:prod', source], options)
  }
  await add(versionOf(1))
  await ask(['mount', 'sentiment:prod', target, '--follow', '--once'], options)
  return {
    ...{ target, options, add },
    replica: (more = []) => startReplica(t, { target, more }),
    declare: (reload) =>
      writeFile(
        join(directory, 'ballast.yaml'),
        `apps:
  api:
    image: ${image}
    models: [{ ref: "sentiment:prod", path: /app/models }]
    reload: { ${reload}, ready: "GET http://localhost:8000/health" }
`,
      ),
    follow(flags) {
      const running = start(['mount', 'sentiment:prod', target, '--follow', ...flags], options)
      t.after(running.kill)
      return running
    },
  }
}

const PROGRAM = fileURLToPath(new URL('../fixtures/processes/reloading-app.ts', import.meta.url))

async function startReplica(
  t: TestContext,
  { target, more }: { readonly target: string; readonly more: readonly string[] },
): Promise<Replica> {
  const name = uniqueName('ballast-reload')
  t.after(() => docker(['rm', '-f', name]).catch(() => undefined))
  const port = await freePort()
  await docker([
    ...['run', '-d', '--name', name, '-p', `127.0.0.1:${port}:8000`, ...more],
    ...['-v', `${target.replace(/^volume:/, '')}:/app/models:ro`, '-v', `${PROGRAM}:/srv/app.ts:ro`, image],
    ...['/usr/bin/node', '/srv/app.ts', '/app/models/sentiment', '8000'],
  ])
  const url = `http://127.0.0.1:${await portOf(name)}`
  await eventually(async () => assert.equal((await fetch(`${url}/health`)).status, 200))
  return { name, url }
}

/** With the containers that use it. */
async function removeVolume(name: string): Promise<void> {
  const users = await docker(['ps', '-aq', '--filter', `volume=${name}`])
  if (users !== '') await docker(['rm', '-f', ...users.split('\n')])
  await docker(['volume', 'rm', '-f', name])
}

async function served({ url }: Replica): Promise<number> {
  return ((await (await fetch(url)).json()) as { number: number }).number
}
