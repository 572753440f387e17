import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openStore } from '../../src/store/index.ts'
import { start } from '../fixtures/command.ts'
import { docker, uniqueName } from '../fixtures/engine.ts'
import { missingParts } from '../fixtures/parts.ts'
import {
  callPlugin,
  pluginMissing,
  pluginOrEngineMissing,
  startPluginEngine,
  startTestPlugin,
  unmountBelow,
} from '../fixtures/plugin.ts'
import { addVersion } from '../fixtures/store.ts'
import { eventually } from '../fixtures/wait.ts'

const CAT = ['cat', '/app/models/sentiment_model.pkl'] as const
const ONE = { 'sentiment_model.pkl': 'weights of one' }

test('Podman runs containers with the same plugin', {
  skip: pluginMissing() || missingParts('podman'),
}, async (t) => {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'ballast-plugin-')))
  const socket = join(root, 'ballast.sock')
  const store = await openStore(join(root, 'store'))
  const configuration = join(root, 'containers.conf')
  await writeFile(configuration, `[engine]\n[engine.volume_plugins]\nballast = "${socket}"\n`)
  const podman = async (...args: readonly string[]): Promise<string> => {
    const storage = [
      '--root',
      join(root, 'podman'),
      '--runroot',
      join(root, 'run'),
      '--storage-driver',
      'vfs',
    ]
    const env = { ...process.env, CONTAINERS_CONF: configuration }
    const { stdout } = await promisify(execFile)('podman', [...storage, '--runtime', 'runc', ...args], {
      env,
    })
    return stdout.trim()
  }
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', '--network', 'none']
  const plugin = start(['serve', '--docker-plugin', '--plugin-socket', socket], { store: store.root })
  t.after(async () => {
    await podman('rm', '-f', '-a', '-t', '0').catch(() => undefined)
    plugin.child.kill('SIGTERM')
    await plugin.ended
    await unmountBelow(root)
    await rm(root, { recursive: true, force: true })
  })
  await eventually(async () => void (await callPlugin(socket, 'Plugin.Activate')))

  await addVersion(store, 'sentiment:prod', ONE)
  const archive = join(root, 'busybox.tar')
  await promisify(execFile)('tar', ['-cf', archive, '-C', '/', '--transform', 's,.*,bin/cat,', 'bin/busybox'])
  const image = uniqueName('localhost/ballast-test')
  await podman('import', archive, image)
  await podman('volume', 'create', '--driver', 'ballast', '-o', 'ref=sentiment:prod', 'ml')
  const run = ['run', '--rm', ...limits, '-v', 'ml:/app/models', image, '/bin/cat', CAT[1]] as const
  for (let count = 0; count < 2; count++) assert.equal(await podman(...run), 'weights of one')
  await addVersion(store, 'sentiment:prod', { 'sentiment_model.pkl': 'weights of two' })
  assert.equal(await podman(...run), 'weights of two')
  await podman('volume', 'create', '--driver', 'ballast', '-o', 'ref=absent:prod', 'none')
  const refused = podman('run', '--rm', ...limits, '-v', 'none:/app/models', image, '/bin/cat', CAT[1])
  await assert.rejects(refused, /no model absent in the store .*ballast add absent/)
  await podman('volume', 'rm', 'ml')
  assert.deepEqual((await store.verify()).problems, [])
})

test('a service on a swarm of one node gets its model', { skip: pluginOrEngineMissing() }, async (t) => {
  const cleanups: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })
  const own = { after: (work: () => Promise<void>) => cleanups.push(work) } as never
  const engine = await startPluginEngine(own)
  const plugin = await startTestPlugin(own, engine)
  const ask = (...args: readonly string[]): Promise<string> => docker(args, engine.host)
  await addVersion(plugin.store, 'sentiment:prod', ONE)
  const port = 20_000 + (process.pid % 20_000)
  await ask('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', `127.0.0.1:${port}`)
  cleanups.push(async () => void (await ask('swarm', 'leave', '--force')))
  // A manager knows only the plugins that the node's Engine has met.
  await ask('volume', 'ls')
  const volume = uniqueName('ballast-test')
  const mount = `type=volume,source=${volume},target=/app/models,volume-driver=${plugin.name},volume-opt=ref=sentiment:prod`
  const service = uniqueName('ballast-test')
  const keep = ['--no-resolve-image', '--detach', '--network', 'host']
  await ask('service', 'create', '--name', service, ...keep, '--mount', mount, engine.image)
  let container = ''
  await eventually(async () => {
    container = await ask('ps', '-q', '--filter', `label=com.docker.swarm.service.name=${service}`)
    assert.notEqual(container, '', await ask('service', 'ps', '--no-trunc', service))
  })
  assert.equal(await ask('exec', container, ...CAT), 'weights of one')
  await ask('service', 'rm', service)
  await eventually(async () => assert.equal(await ask('ps', '-aq'), ''))
  await ask('volume', 'rm', volume)
})
