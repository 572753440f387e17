import assert from 'node:assert/strict'
import { chmod, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startEngineProxy } from '../doubles/engine-proxy.ts'
import { ask, start as startCommand } from '../fixtures/command.ts'
import { docker, engineMissing } from '../fixtures/engine.ts'
import { freePort } from '../fixtures/loopback-server.ts'
import {
  containersCalled,
  portOf,
  type SwitchScene,
  served,
  strategyIn,
  switchScene,
} from '../fixtures/switch.ts'

const skip = engineMissing()
const SERVES = '{ restart: true, ready: GET http://localhost:8000/models/model.txt, within: 2s }'

interface Started extends SwitchScene {
  readonly container: string
  readonly id: string
}

/** The application with its model mounted from a directory, by a container with this reload. */
async function startMounted(
  t: TestContext,
  reload: string,
  args: readonly string[] = [],
  command: readonly string[] = [],
): Promise<Started> {
  const scene = await switchScene(t)
  const { directory, image, start, declare } = scene
  await declare({ image, reload })
  const mount = ['-p', `127.0.0.1:${await freePort()}:8000`, '-v', `${directory}/models:/app/models:ro`]
  const container = await start([...args, ...mount], image, command)
  return { ...scene, container, id: await idOf(container) }
}

async function idOf(container: string): Promise<string> {
  return docker(['inspect', '--format', '{{.Id}} {{.State.Running}}', container])
}

/** The very container runs that ran before, alone, with its model, and nothing else is left. */
async function assertUndone({ directory, container, id, image }: Started): Promise<void> {
  assert.equal(await idOf(container), id)
  assert.equal(await served(container), 'one')
  assert.deepEqual(await containersCalled(container), [container])
  assert.equal(await strategyIn(directory), '{ development: mount,  production: embed }')
  const [name = ''] = image.split(':')
  const images = await docker(['image', 'ls', '--format', '{{.Tag}}', name])
  assert.deepEqual(images.split('\n').sort(), ['copied', 'plain'])
}

test('a new form that never becomes ready is undone, with the reason', { skip }, async (t) => {
  const started = await startMounted(t, SERVES.replace('models/model.txt', 'nothing/here'))
  const ran = await started.trySwitch('embed')
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(
    ran.stderr,
    new RegExp(`replacing ${started.container} failed; undone: ${started.container} runs as before`),
  )
  assert.match(ran.stderr, /nothing\/here answers 404/)
  await assertUndone(started)
})

test('an application that ends when its model comes from elsewhere is undone, with its last words', {
  skip,
}, async (t) => {
  const script =
    'test -L /app/models && { echo "cannot load a link" >&2; exit 3; }; exec httpd -f -p 8000 -h /app'
  const started = await startMounted(t, SERVES, [], ['sh', '-c', script])
  const ran = await started.trySwitch('embed')
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(ran.stderr, /it ended with 3; its last lines:\n\s+cannot load a link/)
  await assertUndone(started)
})

test('a HEALTHCHECK that fails counts where nothing else says when the application is ready', {
  skip,
}, async (t) => {
  const health = ['--health-cmd', 'test ! -L /app/models', '--health-interval', '1s', '--health-retries', '1']
  const started = await startMounted(t, '{ restart: true, within: 20s }', health)
  const ran = await started.trySwitch('embed')
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(ran.stderr, /its HEALTHCHECK fails/)
  await assertUndone(started)
})

test('a model that the container may not read is undone, though the container runs', { skip }, async (t) => {
  const started = await startMounted(t, '{ restart: true }', ['--user', '4711'])
  const { options, trySwitch, switchTo, container } = started
  for (const to of ['embed', 'mount', 'embed'] as const) await switchTo(to)
  const trees = join(options.store, 'ballast', 'trees')
  const [tree = ''] = (await readdir(trees, { recursive: true })).filter((path) => path.endsWith('.prod'))
  await chmod(join(trees, tree), 0o700)
  const before = await idOf(container)
  const ran = await trySwitch('mount')
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(ran.stderr, /does not serve the same at \/app\/models/)
  assert.equal(await idOf(container), before)
  assert.equal(await served(container), 'one')
})

test('a model whose bytes are gone from the store fails before anything is touched', { skip }, async (t) => {
  const started = await startMounted(t, SERVES)
  const { options, trySwitch, container, id } = started
  await ask(['mount', 'sentiment:prod', './pinned'], options)
  const blobs = join(options.store, 'blobs', 'sha256')
  await rm(join(started.directory, 'pinned'), { recursive: true })
  for (const blob of await readdir(blobs)) {
    const path = join(blobs, blob)
    if ((await stat(path)).size === 3) await rm(path)
  }
  // It is taken from the container then, whose files are whole.
  const ran = await trySwitch('embed')
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stderr, /capturing container:/)
  assert.notEqual(await idOf(container), id)
})

test('an interrupt undoes, and ends with 130; until then no other switch of it begins', {
  skip,
}, async (t) => {
  const started = await startMounted(t, SERVES.replace('models/model.txt', 'nothing').replace('2s', '60s'))
  const running = startCommand(['switch', 'api', '--to', 'embed', '--env', 'production'], started.options)
  t.after(running.kill)
  await until(
    async () =>
      (await containersCalled(started.container)).length === 2 &&
      (await idOf(started.container)) !== started.id,
  )
  const other = await started.trySwitch('embed')
  assert.deepEqual([other.code, /another switch of api is at work/.test(other.stderr)], [5, true])
  running.child.kill('SIGINT')
  const ran = await running.ended
  assert.equal(ran.code, 130, ran.stderr)
  assert.match(ran.stderr, /undone/)
  await assertUndone(started)
})

test('killed at any moment, the next switch ends what was begun, and one container has the port', {
  skip,
}, async (t) => {
  const started = await startMounted(t, SERVES, ['--stop-timeout', '1'])
  const { container, options, directory } = started
  const port = await portOf(container)
  let to: 'embed' | 'mount' = 'embed'
  for (const delayMs of [300, 600, 800, 1000, 1300, 1600]) {
    const running = startCommand(['switch', 'api', '--to', to, '--env', 'production'], options)
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    running.kill()
    await running.ended
    await ask(['switch', 'api', '--to', to, '--env', 'production'], options)
    assert.deepEqual(await containersCalled(container), [container], `killed after ${delayMs} ms`)
    assert.equal(await served(container), 'one')
    assert.equal(await portOf(container), port)
    assert.match(await strategyIn(directory), new RegExp(`production: ${to}`))
    to = to === 'embed' ? 'mount' : 'embed'
  }
})

test('when somebody removes the former container meanwhile, the new one is all there is, and stays', {
  skip,
}, async (t) => {
  const started = await startMounted(t, SERVES.replace('models/model.txt', 'nothing').replace('2s', '5s'))
  const { container, id, trySwitch } = started
  const switching = trySwitch('embed')
  await until(async () => (await idOf(container)) !== id)
  await docker(['rm', '-f', `${container}.ballast-former`])
  const ran = await switching
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(ran.stderr, /somebody has removed the former container, so the new one stays/)
  assert.deepEqual(await containersCalled(container), [container])
  assert.equal(await served(container), 'one')
  // As if the former one had gone before the new one had its name.
  await docker(['stop', container])
  await docker(['rename', container, `${container}.ballast-new`])
  await trySwitch('embed')
  assert.deepEqual(await containersCalled(container), [container])
  assert.equal(await served(container), 'one')
})

test('a former container that cannot be removed is taken away by the next switch, which undoes nothing', {
  skip,
}, async (t) => {
  const started = await startMounted(t, SERVES)
  const { container, directory, options } = started
  const at = join(directory, 'engine.sock')
  const [former] = started.id.split(' ')
  await startEngineProxy(t, { at, refuses: (call) => call === `DELETE /containers/${former}` })
  const embed = ['switch', 'api', '--to', 'embed', '--env', 'production']
  const env = { ...options.env, DOCKER_HOST: `unix://${at}` }
  const { warnings } = await ask<{ warnings: readonly string[] }>(embed, { ...options, env })
  assert.match(warnings.join(), /the former container of .* stays: .*busy/)
  assert.equal((await containersCalled(container)).length, 2)
  const id = await idOf(container)
  await ask([...embed, '--dry-run'], options)
  const { recovered } = await ask<{ recovered: readonly string[] }>(embed, options)
  assert.match(recovered.join(), /completed .*: removed the former/)
  assert.deepEqual(await containersCalled(container), [container])
  assert.equal(await idOf(container), id)
  assert.equal(await served(container), 'one')
})

test('a container that was switched as an application of the same name elsewhere is not touched', {
  skip,
}, async (t) => {
  const started = await startMounted(t, SERVES)
  await started.switchTo('embed')
  const before = await idOf(started.container)
  const { declare, image, trySwitch } = await switchScene(t)
  await declare({ image })
  const ran = await trySwitch('mount')
  assert.deepEqual([ran.code, /no container of api runs/.test(ran.stderr)], [3, true])
  assert.equal(await idOf(started.container), before)
})

test('what a switch of another application has set aside is left to it', { skip }, async (t) => {
  const { start, image, base, declare, trySwitch } = await switchScene(t)
  await declare({ image })
  const other = await start(['--network', 'none'], base)
  await docker(['rename', other, `${other}.ballast-former`])
  const [former = ''] = (await idOf(`${other}.ballast-former`)).split(' ')
  const mark = JSON.stringify({ id: '1', app: 'other', name: other, former })
  await docker(['create', '--name', `${other}.ballast-new`, '--label', `dev.ballast.switch=${mark}`, base])
  await trySwitch('embed')
  assert.deepEqual(await containersCalled(other), [`${other}.ballast-former`, `${other}.ballast-new`])
})

test('where the second of two replicas fails, the first is undone too', { skip }, async (t) => {
  const scene = await switchScene(t)
  const { directory, image, start, declare, trySwitch } = scene
  await declare({ image, reload: SERVES })
  const mount = ['-p', '127.0.0.1:0:8000', '-v', `${directory}/models:/app/models:ro`]
  const picky = ['sh', '-c', 'test -d /app/models && test ! -L /app/models && exec httpd -f -p 8000 -h /app']
  const names = [await start(mount), await start(mount, image, picky)].sort()
  const before = await Promise.all(names.map(idOf))
  const ran = await trySwitch('embed')
  assert.equal(ran.code, 4, ran.stderr)
  assert.deepEqual(await Promise.all(names.map(idOf)), before)
  for (const name of names) {
    assert.equal(await served(name), 'one')
    assert.deepEqual(await containersCalled(name), [name])
  }
})

test('killed between two replicas, the next switch ends what was begun; a dry run says that there is something', {
  skip,
}, async (t) => {
  const scene = await switchScene(t)
  const { directory, options, image, start, declare, trySwitch, switchTo } = scene
  await declare({ image, reload: SERVES })
  const mount = async () => [
    ...['-p', `127.0.0.1:${await freePort()}:8000`, '-v', `${directory}/models:/app/models:ro`],
  ]
  const names = [await start(await mount()), await start(await mount())].sort()
  const ports = await Promise.all(names.map(portOf))
  const [first = '', second = ''] = names
  const running = startCommand(['switch', 'api', '--to', 'embed', '--env', 'production'], options)
  await until(async () => (await containersCalled(second)).length === 2)
  running.kill()
  await running.ended
  assert.deepEqual(await containersCalled(first), [first, `${first}.ballast-former`])
  const shown = await trySwitch('embed', '--dry-run')
  assert.deepEqual([shown.code, /was cut short/.test(shown.stderr)], [5, true])
  const { recovered, replaced } = await switchTo('embed')
  assert.match(
    recovered.join('\n'),
    new RegExp(`undid a switch that was cut short: ${first}, ${second} as before`),
  )
  assert.equal(replaced.length, 2)
  for (const name of names) assert.deepEqual(await containersCalled(name), [name])
  assert.deepEqual(await Promise.all(names.map(portOf)), ports)
})

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await check().catch(() => false)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('it did not happen within half a minute')
}
