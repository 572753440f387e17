import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { type ForwardProxy, startForwardProxy } from '../doubles/forward-proxy.ts'
import { makeCertificate } from '../fixtures/certificate.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = missingParts('docker-registry', 'openssl')
/** An address that is nowhere (RFC 5737): only the proxy leads from it to the registry. */
const NOWHERE = '192.0.2.1'

interface World {
  readonly proxy: ForwardProxy
  /** As references have it, behind the proxy. */
  readonly host: string
  /** As references have it, from this machine. */
  readonly near: string
  readonly ca: string
  readonly store: string
  readonly other: string
  /** Nothing of whoever runs the tests. */
  readonly env: Readonly<Record<string, string>>
}

async function createWorld(t: TestContext, { secure = false } = {}): Promise<World> {
  const directory = await temporaryDirectory(t)
  const { files } = await makeCertificate(directory, NOWHERE)
  const registry = await startDockerRegistry(secure ? { tls: files } : {})
  assert.ok(registry)
  t.after(() => registry.close())
  const targetPort = Number(registry.host.split(':')[1])
  const [store, other] = [join(directory, 'store'), join(directory, 'other')]
  const bytes = createRandom('registry-proxy').bytes(300_000)
  await ask(['add', 'm', await writeFiles(join(directory, 'model'), { 'weights.bin': bytes })], { store })
  const unset = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
    [name, ''],
    [name.toUpperCase(), ''],
  ])
  return {
    proxy: await startForwardProxy(t, { targetPort }),
    host: `${NOWHERE}:5000`,
    near: registry.host,
    ca: files.certificate,
    store,
    other,
    env: { ...Object.fromEntries(unset), HOME: directory, DOCKER_CONFIG: '' },
  }
}

interface Shown {
  readonly digest: string
}

test('all requests to a registry without TLS go through HTTP_PROXY', { skip }, async (t) => {
  const { proxy, host, store, other, env: none } = await createWorld(t)
  const env = { ...none, HTTP_PROXY: proxy.url }
  const plain = ['--plain-http', host]
  await ask(['push', 'm:1', `${host}/models/m:1`, ...plain], { store, env })
  await ask(['pull', `${host}/models/m:1`, 'm', ...plain], { store: other, env })
  const [pushed, pulled] = await Promise.all(
    [store, other].map((at) => ask<Shown>(['show', 'm:1'], { store: at })),
  )
  assert.equal(pulled?.digest, pushed?.digest)
  assert.deepEqual(
    new Set(proxy.asked().map((line) => line.split(' ')[1])),
    new Set([host]),
    'and to nothing else',
  )
  assert.ok(proxy.asked().includes(`PUT ${host}`))
})

test('all requests to a registry with TLS go through a tunnel of HTTPS_PROXY', { skip }, async (t) => {
  const { proxy, host, ca, store, other, env: none } = await createWorld(t, { secure: true })
  const env = { ...none, https_proxy: proxy.url, HTTPS_PROXY: 'http://127.0.0.1:9' }
  await ask(['push', 'm:1', `${host}/models/m:1`, '--ca', ca], { store, env })
  await ask(['pull', `${host}/models/m:1`, 'm', '--ca', ca], { store: other, env })
  assert.deepEqual(proxy.asked(), [`CONNECT ${host}`])
})

test('this machine is reached without the proxy, and so is what NO_PROXY names', { skip }, async (t) => {
  const { proxy, host, near, store, env: none } = await createWorld(t)
  const env = { ...none, HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url }
  await ask(['push', 'm:1', `${near}/models/m:1`], { store, env })
  assert.deepEqual(proxy.asked(), [])
  // Whether the address can be had directly or not, the proxy is not asked.
  const excepted = { ...env, NO_PROXY: 'localhost,192.0.2.0/24' }
  const pushing = start(['push', 'm:1', `${host}/models/m:1`, '--plain-http', host], { store, env: excepted })
  t.after(pushing.kill)
  await Promise.race([pushing.ended, sleep(1500)])
  assert.deepEqual(proxy.asked(), [])
})

test('a proxy that does not answer is told of, by its name and without its password', { skip }, async (t) => {
  const { host, store, env: none } = await createWorld(t)
  const env = { ...none, HTTP_PROXY: 'http://ann:hunter2@127.0.0.1:9' }
  const ran = await run(['push', 'm:1', `${host}/models/m:1`, '--plain-http', host], { store, env })
  assert.notEqual(ran.code, 0)
  assert.match(ran.stderr, /127\.0\.0\.1:9/)
  assert.doesNotMatch(ran.stderr, /hunter2/)
})
