import assert from 'node:assert/strict'
import { readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Ran, type Running, run, start } from '../fixtures/command.ts'
import { createRandom } from '../fixtures/random.ts'
import { assertServed, type RunningApp, startApp, versionOf } from '../fixtures/reload.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { eventually } from '../fixtures/wait.ts'

test('ballast.yaml says how the application is told; check and history show what it did not take', async (t) => {
  const place = await prepare(t)
  const { target, options, app } = place
  await writeFile(
    join(place.directory, 'ballast.yaml'),
    `apps:
  api:
    models: [{ ref: "sentiment:prod", path: /app/models }]
    reload: { http: "POST ${app.url}/reload", ready: "GET ${app.url}/health", within: 2s }
targets:
  - { ref: "sentiment:prod", to: ./models, follow: true }
`,
  )
  const stop = app.ask()
  const follower = place.follow([])
  await eventually(async () => assert.match(follower.stdout(), /sentiment:1 is there already/))
  await place.add(versionOf(2))
  await eventually(async () => assert.match(follower.stdout(), /sentiment:2 is served/))
  await place.add(versionOf(3, 'fails'))
  await eventually(async () =>
    assert.match(
      follower.stdout(),
      /sentiment:3 failed: api: .* answers 500: the weights have 3 layers instead of 4; sentiment:2 put back/,
    ),
  )
  assertServed(await stop(), [1, 2])
  follower.child.kill('SIGINT')
  assert.equal((await follower.ended).code, 0)

  const checked = await run(['check', target], options)
  assert.equal(checked.code, 0, checked.stdout)
  assert.match(checked.stdout, /^ok.*sentiment:2/)
  assert.match(checked.stdout, /sentiment:3 was put back: api: .*3 layers instead of 4/)
  assert.match(
    (await run(['history', target], options)).stdout,
    /follow +failed: api: .*\n.*put back +is served/,
  )
  const again = await run(['mount', 'sentiment:prod', target, '--follow', '--once'], options)
  assert.equal(again.code, 4)
  assert.match(again.stderr, /sentiment:3 was put back: .*\n.*--retry/)
  await place.add(versionOf(4))
  const once = ['mount', 'sentiment:prod', target, '--follow', '--once']
  const { version, judgements } = await ask<{ version: string; judgements: readonly object[] }>(once, options)
  assert.deepEqual([version, judgements.length], ['sentiment:4', 1])
  assert.equal(await app.served(), 4)
})

test('what an application may be told with goes with --follow', async (t) => {
  const { target, options } = await prepare(t)
  for (const flag of [['--reload', 'restart:container:api'], ['--ready', 'command:true'], ['--retry']]) {
    const ran = await run(['mount', 'sentiment:prod', target, ...flag], options)
    assert.deepEqual([ran.code, /goes with --follow/.test(ran.stderr)], [2, true], flag.join(' '))
  }
  const ran = await run(['mount', 'sentiment:prod', target, '--follow', '--reload', 'soon'], options)
  assert.equal(ran.code, 2)
})

test('a command that stands in ballast.yaml runs once its user has allowed it, until it changes', async (t) => {
  const { directory, options, target, add } = await prepare(t)
  const env = { XDG_STATE_HOME: join(directory, 'state') }
  const declare = (command: string): Promise<void> =>
    writeFile(
      join(directory, 'ballast.yaml'),
      `apps: { api: { models: [{ ref: "sentiment:prod", path: /m }], reload: { command: ${command} } } }\n`,
    )
  const once = (...flags: string[]): Promise<Ran> =>
    run(['mount', 'sentiment:prod', target, '--follow', '--once', ...flags], { ...options, env })
  await declare('"echo $BALLAST_NUMBER >> told"')
  await add(versionOf(2))
  const refused = await once()
  assert.equal(refused.code, 4, refused.stdout)
  assert.match(
    refused.stderr,
    /ballast\.yaml has a command that you have not allowed: echo .* >> told\n.*--allow-comm/,
  )
  assert.match((await run(['check', target], options)).stdout, /sentiment:1/)
  assert.equal((await once('--allow-commands')).code, 0)
  await add(versionOf(3))
  assert.equal((await once()).code, 0)
  assert.equal(await readFile(join(directory, 'told'), 'utf8'), '2\n3\n')
  await declare('"echo another >> told"')
  assert.equal((await once()).code, 4)
  await declare('"true", ready: "command:echo ready >> told"')
  assert.match((await once()).stderr, /not allowed: true; echo ready >> told/)
})

test('kill -9 between swap and proof: the next follower judges the version, and puts it back', async (t) => {
  const place = await prepare(t)
  const { app, target, options } = place
  const flags = place.flags('1s')
  const killed = place.follow(flags)
  await eventually(async () => assert.match(killed.stdout(), /already/))
  const stop = app.ask()
  await place.add(versionOf(2, 'never'))
  await eventually(async () => assert.equal(await app.served(), 2))
  killed.kill()
  await killed.ended
  assert.match((await run(['check', target], options)).stdout, /yet to be proven/)
  assert.equal(await place.linked(), 2)

  const next = place.follow(flags)
  await eventually(async () => assert.match(next.stdout(), /sentiment:2 failed: .*; sentiment:1 put back/))
  assert.deepEqual([await place.linked(), await app.served()], [1, 1])
  assertServed(await stop(), [1, 2])
  next.kill()
})

test('kill -9 at any instant: what is served in the end is what the link leads to, and whole', async (t) => {
  const place = await prepare(t)
  const { app } = place
  const flags = place.flags('300ms')
  const random = createRandom('kills of a follower')
  const stop = app.ask()
  for (let round = 0; round < 8; round++) {
    const behaviour = ['never', 'good', 'fails'][round % 3] ?? 'good'
    await place.add(versionOf(round + 2, behaviour))
    const killed = place.follow(flags)
    await sleep(150 + random.below(900))
    killed.kill()
    await killed.ended
    const last = place.follow(flags)
    await eventually(async () => {
      const state = await place.state()
      const current = state.generations.at(-1)
      const expected = behaviour === 'good' ? round + 2 : state.refused?.number
      assert.equal(expected, round + 2, JSON.stringify(state))
      assert.equal(current?.proof?.is, 'served', JSON.stringify(current))
      assert.equal(current?.number, await place.linked())
      assert.equal(current?.number, await app.served())
      if (behaviour !== 'good') assert.notEqual(current?.number, round + 2)
    })
    last.kill()
    await last.ended
  }
  assert.deepEqual((await stop()).failures, [])
})

interface Generation {
  readonly number: number
  readonly proof?: { readonly is: string }
}

interface State {
  readonly generations: readonly Generation[]
  readonly refused?: { readonly number: number }
}

interface Place {
  readonly directory: string
  readonly target: string
  readonly app: RunningApp
  readonly options: { readonly store: string; readonly cwd: string }
  readonly add: (contents: Contents) => Promise<unknown>
  readonly flags: (within: string) => readonly string[]
  readonly follow: (flags: readonly string[]) => Running
  /** The number of the version that the link leads to. */
  readonly linked: () => Promise<number>
  readonly state: () => Promise<State>
}

/** A target with the first version, which an application serves. */
async function prepare(t: TestContext): Promise<Place> {
  const directory = await temporaryDirectory(t)
  const options = { store: join(directory, 'store'), cwd: directory }
  const target = join(directory, 'models')
  let added = 0
  const add = async (contents: Contents): Promise<Ran | unknown> => {
    const source = await writeFiles(join(directory, `source-${++added}`), contents)
    return ask(['add', 'sentiment:prod', source], options)
  }
  await add(versionOf(1))
  await ask(['mount', 'sentiment:prod', target, '--follow', '--once'], options)
  const app = await startApp(t, join(target, 'sentiment'))
  return {
    ...{ directory, target, app, options, add },
    flags: (within) => [
      ...['--reload', `POST ${app.url}/reload`, '--ready', `GET ${app.url}/health`, '--within', within],
    ],
    follow(flags) {
      const running = start(['mount', 'sentiment:prod', target, '--follow', ...flags], options)
      t.after(running.kill)
      return running
    },
    linked: async () =>
      Number.parseInt((await readlink(join(target, 'sentiment'))).split('/').at(-1) ?? '', 10),
    state: async () =>
      JSON.parse(await readFile(join(target, '.ballast/state.json'), 'utf8')).models.sentiment as State,
  }
}
