import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { digestOf } from '../../src/core/index.ts'
import { type CountingProxy, startCountingProxy } from '../doubles/counting-proxy.ts'
import {
  type DockerRegistry,
  dockerRegistryMissing,
  startDockerRegistry,
} from '../doubles/docker-registry.ts'
import type { Plan } from '../doubles/faulty-plan.ts'
import { startFaultyServer } from '../doubles/faulty-server.ts'
import { ask, run } from '../fixtures/command.ts'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { type RegistryScene, registryScene } from '../fixtures/registry-scene.ts'

const skip = dockerRegistryMissing() ?? false
const WEIGHTS = randomBytes(9 * 1024 * 1024).toString('latin1')

interface Pulled {
  readonly digest: string
  readonly number: number
  readonly newBytes: number
}

interface Scene extends RegistryScene {
  /** Of a docker-registry that keeps what it is asked for, counted. */
  readonly mirror: CountingProxy
  readonly keeper: DockerRegistry
  /** With `registries.conf` as it is given. */
  readonly env: (conf: string) => Promise<Readonly<Record<string, string>>>
  readonly pull: (env: Readonly<Record<string, string>>, operand?: string) => Promise<Pulled>
}

/** A registry with a model, and one that mirrors it. */
async function scene(t: TestContext): Promise<Scene> {
  const made = await registryScene(t, { name: 'm', contents: { 'w.bin': WEIGHTS, 'vocab.txt': 'words' } })
  const { directory, store, host } = made
  await ask(['push', 'm:1', `${host}/team/m:prod`], { store })
  const keeper = await startDockerRegistry({ mirrorOf: `http://${host}` })
  assert.ok(keeper)
  const mirror = await startCountingProxy({ host: '127.0.0.1', port: portOf(keeper.host) })
  t.after(async () => {
    await mirror.close()
    await keeper.close()
  })
  let count = 0
  return {
    ...made,
    mirror,
    keeper,
    async env(conf) {
      const path = join(directory, `registries-${count++}.conf`)
      await writeFile(path, conf)
      return { CONTAINERS_REGISTRIES_CONF: path, DOCKER_CONFIG: join(directory, 'docker') }
    },
    pull: (env, operand = `${host}/team/m:prod`) =>
      ask<Pulled>(['pull', operand], { store: join(directory, `to-${count++}`), env }),
  }
}

function portOf(host: string): number {
  return Number(host.split(':')[1])
}

function registry(location: string, ...mirrors: readonly string[]): string {
  const blocks = mirrors.map((mirror) => `[[registry.mirror]]\nlocation = "${mirror}"\n`)
  return `[[registry]]\nlocation = "${location}"\n${blocks.join('')}`
}

const skopeo = await promisify(execFile)('skopeo', ['--version']).then(
  () => false,
  () => (process.env.BALLAST_REQUIRE_PARTS ? false : 'skopeo is not installed'),
)

test('what registries.conf says of a registry', { skip }, async (t) => {
  const { directory, store, host, keeper, mirror, env, pull } = await scene(t)
  // The same models, by a name that leads nowhere.
  const nowhere = 'localhost:1'
  const closed = await startClosed(t, directory)
  const conf = await env(registry(host, 'localhost:2', mirror.host))
  const pulled = await pull(conf)

  await t.test('a model comes from the mirror', async () => {
    assert.equal(pulled.number, 1)
    assert.ok(mirror.received.blobs >= WEIGHTS.length, `${mirror.received.blobs} bytes from the mirror`)
  })

  await t.test('from one for digests only what is asked for by its digest', async () => {
    const only = await env(`${registry(host, mirror.host)}pull-from-mirror = "digest-only"\n`)
    mirror.reset()
    await pull(only)
    assert.deepEqual(mirror.received, { blobs: 0, manifests: 0 })
    assert.equal((await pull(only, `${host}/team/m@${pulled.digest}`)).digest, pulled.digest)
    assert.ok(mirror.received.blobs >= WEIGHTS.length)
  })

  await t.test('a mirror alone is enough, is never written to, and without it both are told', async () => {
    const alone = await env(registry(nowhere, mirror.host))
    assert.equal((await pull(alone, `${nowhere}/team/m:prod`)).number, 1)
    mirror.reset()
    const pushed = await run(['push', 'm:1', `${nowhere}/team/m:prod`], { store, env: alone })
    assert.equal(pushed.code, 6)
    assert.equal(mirror.sent.requests, 0)
    const none = await env(registry(nowhere, 'localhost:2'))
    const both = await run(['pull', `${nowhere}/team/m:prod`], { store, env: none })
    assert.equal(both.code, 6)
    assert.match(both.stderr, /localhost:1/)
    assert.match(both.stderr, /mirrors failed before it: localhost:2/)
  })

  await t.test('another location stands in the place of a registry', async () => {
    const moved = `[[registry]]\nprefix = "registry.example/old"\nlocation = "${host}/team"\n`
    assert.equal((await pull(await env(moved), 'registry.example/old/m:prod')).digest, pulled.digest)
  })

  await t.test('one that is blocked is not used at all', async () => {
    const blocked = await env(`[[registry]]\nlocation = "${host}"\nblocked = true\n`)
    for (const verb of [['pull'], ['push', 'm:1']]) {
      const ran = await run([...verb, `${host}/team/m:prod`], { store, env: blocked })
      assert.equal(ran.code, 4)
      assert.match(ran.stderr, /is blocked on this machine/)
    }
  })

  await t.test('skopeo reads the same file the same way', { skip: skopeo }, async () => {
    const moved = await env(
      `[[registry]]\nprefix = "registry.example/old"\nlocation = "${nowhere}/team"\n` +
        `[[registry.mirror]]\nlocation = "${mirror.host}/team"\ninsecure = true\n`,
    )
    const { stdout } = await promisify(execFile)('skopeo', [
      ...['--registries-conf', moved.CONTAINERS_REGISTRIES_CONF ?? ''],
      ...['inspect', '--raw', 'docker://registry.example/old/m:prod'],
    ])
    const shown = await ask<{ digest: string }>(['show', 'registry.example/old/m:prod'], { env: moved })
    assert.equal(digestOf(Buffer.from(stdout)), shown.digest)
  })

  await t.test('a mirror is shown its own login, and the registry is not', async () => {
    const own = await env(registry(mirror.host, closed.host))
    const auths = { [closed.host]: { auth: Buffer.from('ann:s3cret').toString('base64') } }
    await mkdir(own.DOCKER_CONFIG ?? '')
    await writeFile(join(own.DOCKER_CONFIG ?? '', 'config.json'), JSON.stringify({ auths }))
    await ask(['push', 'm:1', `${closed.host}/team/m:prod`], { store, env: own })
    mirror.reset()
    assert.equal((await pull(own, `${mirror.host}/team/m:prod`)).number, 1)
    assert.equal(mirror.received.blobs, 0)
  })

  await t.test(
    'what is written goes by what the registry has, not by a mirror that has fallen behind',
    async () => {
      const own = await env(registry(host, closed.host))
      const layout = join(directory, 'base')
      const embed = (from: string, to: string) =>
        ask<{ digest: string }>(['embed', 'm=/app/m', from, '-t', to], { store, env: own })
      for (const [tag, to] of [
        ['old', closed.host],
        ['new', host],
      ] as const) {
        await writeImageLayout(layout, {
          tag,
          layers: [[{ path: 'app/' }, { path: `app/${tag}`, text: tag }]],
        })
        await embed(`oci:${layout}:${tag}`, `${to}/app:v1`)
      }
      const fresh = await embed(`${host}/app:v1`, `${host}/app:v1`)
      assert.equal(fresh.digest, (await embed(`oci:${layout}:new`, `${host}/x:1`)).digest)
      await ask(['push', 'm:1', `${closed.host}/team/m:behind`], { store, env: own })
      const tagged = await run(['tag', `${host}/team/m:behind`, 'live'], { store, env: own })
      assert.equal(tagged.code, 3, tagged.stderr)
    },
  )

  await t.test('what the mirror has other bytes of comes from the registry', async (t) => {
    const plan: Plan = ({ path }) =>
      /\/blobs\//.test(path) ? { kind: 'flip', side: 'answered', at: 0.7 } : undefined
    const wrong = await startFaultyServer(t, { target: keeper.host, plan })
    const own = await env(registry(host, wrong.host))
    assert.equal((await pull(own)).digest, pulled.digest)
    assert.ok(wrong.log.some(({ fault }) => fault !== undefined))
  })

  await t.test('what the mirror has lost of its blobs comes from the registry', async () => {
    await rm(join(keeper.directory, 'data/docker/registry/v2/blobs'), { recursive: true })
    assert.equal((await pull(conf)).digest, pulled.digest)
  })
})

/** A registry that asks for a login. */
async function startClosed(t: TestContext, directory: string): Promise<DockerRegistry> {
  const path = join(directory, 'htpasswd')
  await writeFile(path, 'ann:$2b$05$wySH6ay1ErtsZQlnyWdo3OJyDjCRFkKeBK9ss8v8AyMnc0bzeIV1q\n')
  const closed = await startDockerRegistry({ auth: { htpasswd: { realm: 'mirror', path } } })
  assert.ok(closed)
  t.after(() => closed.close())
  return closed
}
