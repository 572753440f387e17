import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { SwitchResult } from '../../src/workflows/switch/switch.ts'
import { type CountingProxy, startCountingProxy } from '../doubles/counting-proxy.ts'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { ask, type Ran, type RunOptions, run } from '../fixtures/command.ts'
import { type BaseEntry, type BaseImage, writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { pathsIn, temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)
const skip = missingParts('docker-registry', 'skopeo')
const SIZE = 3 * 1024 * 1024
const WEIGHTS = createRandom('switch').bytes(SIZE)

interface World {
  readonly directory: string
  readonly options: RunOptions & { readonly store: string }
  readonly proxy: CountingProxy
  /** Of the application, in the registry. */
  readonly image: string
  switchTo(to: 'mount' | 'embed', ...more: readonly string[]): Promise<SwitchResult>
  trySwitch(to: 'mount' | 'embed', ...more: readonly string[]): Promise<Ran>
  checked(operand: string): Promise<readonly [version: string | undefined, digest: string | undefined]>
}

type Copies = 'none' | 'alone' | 'with the code'

function baseWith(copies: Copies): Omit<BaseImage, 'tag'> {
  const code: BaseEntry[] = [{ path: 'app/' }, { path: 'app/main.py', text: 'print(1)\n' }]
  const model: BaseEntry[] = [
    { path: 'app/' },
    { path: 'app/models/' },
    { path: 'app/models/config.json', text: '{}' },
  ]
  const main = 'COPY main.py /app/ # buildkit'
  if (copies === 'none') return { layers: [code], steps: [main] }
  if (copies === 'alone')
    return { layers: [model, code], steps: ['COPY models/ /app/models/ # buildkit', main] }
  return { layers: [[...code, ...model.slice(1)]], steps: ['COPY . /app/ # buildkit'] }
}

/** No Engine answers; the application's image is in a registry, with the model copied into it or without. */
async function createWorld(
  t: TestContext,
  {
    copies = 'none',
    follow = false,
    target = true,
  }: { copies?: Copies; follow?: boolean; target?: boolean } = {},
): Promise<World> {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const proxy = await startCountingProxy({ host: '127.0.0.1', port: Number(registry.host.split(':')[1]) })
  t.after(() => proxy.close())
  const directory = await temporaryDirectory(t)
  const options = {
    store: join(directory, 'store'),
    cwd: directory,
    env: { DOCKER_HOST: `unix://${directory}/no.sock`, XDG_CACHE_HOME: join(directory, 'cache') },
  }
  await writeFiles(join(directory, 'model'), { 'weights.bin': WEIGHTS, 'config.json': '{}' })
  await ask(['add', 'sentiment:prod', './model'], options)
  await writeImageLayout(join(directory, 'base'), { tag: 'v1', ...baseWith(copies) })
  const image = `${proxy.host}/team/app:v1`
  await exec('skopeo', [
    'copy',
    '-q',
    '--dest-tls-verify=false',
    `oci:${join(directory, 'base')}:v1`,
    `docker://${image}`,
  ])
  const targets = target ? `targets: [ { ref: sentiment:prod, to: ./served, follow: ${follow} } ]\n` : ''
  await writeFile(
    join(directory, 'ballast.yaml'),
    `apps:\n  api:\n    image: ${image}\n    models: [ { ref: sentiment:prod, path: /app/models } ]\n    strategy: { production: auto } # decided late\n${targets}`,
  )
  proxy.reset()
  return {
    ...{ directory, options, proxy, image },
    switchTo: (to, ...more) => ask(['switch', 'api', '--to', to, ...more], options),
    trySwitch: (to, ...more) => run(['switch', 'api', '--to', to, ...more], options),
    async checked(operand) {
      const ran = await run(['check', operand, '--json'], options)
      const answer = JSON.parse(ran.stdout) as readonly { version?: string; digest?: string }[]
      const found = ran.code === 3 ? undefined : answer[0]
      return [found?.version, found?.digest]
    },
  }
}

for (const follow of [false, true]) {
  test(`without an Engine, by an image in a registry and a directory that ${follow ? 'follows' : 'is pinned'}`, {
    skip,
  }, async (t) => {
    const { directory, proxy, image, switchTo, checked } = await createWorld(t, { follow })
    const served = join(directory, 'served')
    const shown = await switchTo('mount', '--dry-run')
    assert.deepEqual(
      shown.plan.steps.map((step) => [step.do, step.bytes]),
      [
        ['deliver', SIZE + 2],
        ['record', 0],
      ],
    )
    assert.equal(await stat(served).catch(() => undefined), undefined)
    const mounted = await switchTo('mount')
    assert.match(
      mounted.deploy ?? '',
      new RegExp(`deploy ${image} with -v ${served}:/app${follow ? '' : '/models'}:ro`),
    )
    const [version, digest] = await checked(served)
    assert.equal(version, 'sentiment:1')

    const embedded = await switchTo('embed')
    assert.ok(proxy.sent.blobs >= SIZE)
    assert.match(
      embedded.deploy ?? '',
      new RegExp(
        `deploy ${image}-with-model \\(.*@sha256:[0-9a-f]{64}\\), with nothing mounted at /app/models`,
      ),
    )
    assert.deepEqual(await checked(`${image}-with-model`), [version, digest])
    assert.match(
      await readFile(join(directory, 'ballast.yaml'), 'utf8'),
      /strategy: \{ production: embed \} # decided late/,
    )

    // Both are there: nothing moves any more, whichever way it goes.
    proxy.reset()
    for (const to of ['mount', 'embed'] as const) {
      const { bytesMoved, plan } = await switchTo(to)
      assert.deepEqual([bytesMoved, plan.steps.map((step) => step.do)], [0, ['record']])
    }
    await rm(served, { recursive: true })
    const again = await switchTo('mount')
    assert.equal(again.bytesMoved, SIZE + 2)
    assert.deepEqual(await checked(served), [version, digest])
    assert.equal(proxy.sent.blobs, 0)
  })
}

test('the version that is served is what moves, wherever the tag points by now', { skip }, async (t) => {
  const { directory, options, image, proxy, switchTo, checked } = await createWorld(t)
  await switchTo('mount')
  await writeFiles(join(directory, 'model'), { 'config.json': '{"newer":true}' })
  await ask(['add', 'sentiment:prod', './model'], options)
  await switchTo('embed')
  assert.equal((await checked(`${image}-with-model`))[0], 'sentiment:1')
  // The other version comes by embedding it, and its weights, which are the same, stay where they are.
  await ask(['mount', 'sentiment:prod', './served', '--replace'], options)
  proxy.reset()
  await switchTo('embed')
  assert.equal((await checked(`${image}-with-model`))[0], 'sentiment:2')
  const tags = await exec('skopeo', [
    'list-tags',
    '--tls-verify=false',
    `docker://${image.replace(/:v1$/, '')}`,
  ])
  assert.deepEqual(JSON.parse(tags.stdout).Tags.sort(), ['v1', 'v1-with-model', 'v1-with-model.was-1'])
})

test('a copy in the image is captured, left out to embed, and hidden to mount', { skip }, async (t) => {
  const { directory, options, image, switchTo, checked } = await createWorld(t, { copies: 'alone' })
  const mounted = await switchTo('mount')
  assert.equal(mounted.plan.steps[0]?.do, 'capture')
  assert.match(
    mounted.plan.notes[0] ?? '',
    /keeps its copy at \/app\/models.*delete the line `COPY models\/ \/app\/models\/`/,
  )
  assert.deepEqual(
    await pathsIn(join(directory, 'served')).then((paths) =>
      paths.filter((path) => !path.startsWith('.ballast')),
    ),
    ['config.json'],
  )
  await switchTo('embed')
  const [version] = await checked(`${image}-with-model`)
  assert.equal(version, (await checked('./served'))[0])
  const inspected = await exec('skopeo', [
    'inspect',
    '--config',
    '--tls-verify=false',
    `docker://${image}-with-model`,
  ])
  assert.doesNotMatch(inspected.stdout, /COPY models/)
  assert.match(inspected.stdout, /COPY main\.py/)
  assert.equal((await run(['check', `${image}-with-model`, '--full'], options)).code, 0)
})

for (const isFirst of [true, false]) {
  test(`an image whose layers are not there when it is checked is undone${isFirst ? '' : ', and the former one returns'}`, {
    skip,
  }, async (t) => {
    const { directory, options, image, proxy, switchTo, trySwitch, checked } = await createWorld(t)
    const tagged = `${image}-with-model`
    await switchTo('mount')
    if (!isFirst) await switchTo('embed')
    const before = await checked(tagged)
    await writeFiles(join(directory, 'model'), { 'config.json': '{"second":2}' })
    await ask(['add', 'sentiment:prod', './model'], options)
    await ask(['mount', 'sentiment:prod', './served', '--replace'], options)
    const losing = await startLosingProxy(t, { host: proxy.host, tag: 'v1-with-model' })
    const file = join(directory, 'ballast.yaml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace(proxy.host, losing))
    const ran = await trySwitch('embed')
    assert.equal(ran.code, 4, ran.stderr)
    assert.match(ran.stderr, /the layer sha256:\w+ is missing/)
    // docker-registry deletes no tags.
    const undone = isFirst
      ? /undone: \S+-with-model stays, because its registry/
      : /undone: \S+-with-model as before/
    assert.match(ran.stderr, undone)
    if (!isFirst) assert.deepEqual(await checked(tagged), before)
    assert.equal(await readFile(file, 'utf8'), text.replace(proxy.host, losing))
  })
}

/** A registry that says of every blob that it is not there, once the image with the tag is. */
async function startLosingProxy(
  t: TestContext,
  { host, tag }: { readonly host: string; readonly tag: string },
): Promise<string> {
  let isLost = false
  const [hostname = '', port = ''] = host.split(':')
  const server = createServer((incoming, outgoing) => {
    const { method, url: path = '', headers } = incoming
    if (isLost && method === 'HEAD' && path.includes('/blobs/')) return void outgoing.writeHead(404).end()
    const forwarded = request({ host: hostname, port, method, path, headers }, (answer) => {
      if (method === 'PUT' && path.endsWith(`/manifests/${tag}`)) isLost = true
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(forwarded)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('directories are as before when the last of them cannot be delivered to', { skip }, async (t) => {
  const { directory, options, image, switchTo, trySwitch, checked } = await createWorld(t)
  await writeFiles(join(directory, 'other'), { 'other.bin': 'the other model' })
  await ask(['add', 'other:prod', './other'], options)
  const file = join(directory, 'ballast.yaml')
  const text = (await readFile(file, 'utf8'))
    .replace(
      '[ { ref: sentiment:prod, path: /app/models } ]',
      '[ { ref: sentiment:prod, path: /app/models }, { ref: other:prod, path: /app/other } ]',
    )
    .replace('follow: false } ]', 'follow: false }, { ref: other:prod, to: ./others } ]')
  await writeFile(file, text)
  await switchTo('embed')
  await ask(['add', 'sentiment:older', './other'], options)
  for (const former of [undefined, 'sentiment:older']) {
    if (former !== undefined) await ask(['mount', former, './served'], options)
    const before = (await pathsIn(directory)).filter((path) => path.startsWith('served'))
    await writeFiles(join(directory, 'others'), { 'of-somebody-else': 'x' })
    const ran = await trySwitch('mount')
    assert.equal(ran.code, 5, ran.stderr)
    assert.match(
      ran.stderr,
      former === undefined ? /undone: .*served empty again/ : /undone: .*served as before/,
    )
    assert.deepEqual(
      (await pathsIn(directory)).filter((path) => path.startsWith('served')),
      before,
    )
    if (former !== undefined) assert.equal((await checked('./served'))[0], 'sentiment:2')
  }
  assert.equal((await checked(`${image}-with-model`))[0], 'sentiment:1')
})

test('a version that the store has lost is taken from where it is served', { skip }, async (t) => {
  const { directory, options, image, switchTo, checked } = await createWorld(t)
  await switchTo('embed')
  const elsewhere = { ...options, store: join(directory, 'new-store') }
  const { plan } = await ask<SwitchResult>(['switch', 'api', '--to', 'mount'], elsewhere)
  assert.deepEqual(
    plan.steps.map((step) => step.do),
    ['capture', 'deliver', 'record'],
  )
  assert.equal((await checked('./served'))[1], (await checked(`${image}-with-model`))[1])
})

test('a copy in a layer that holds code too cannot be left out, and the way out is said', {
  skip,
}, async (t) => {
  const { directory, image, trySwitch, switchTo } = await createWorld(t, { copies: 'with the code' })
  const ran = await trySwitch('embed')
  assert.equal(ran.code, 4, ran.stderr)
  assert.match(
    ran.stderr,
    /\/app\/models: the layer .* holds other files too, as \/app\/main\.py \(COPY \. \/app\//,
  )
  assert.match(ran.stderr, /\.dockerignore/)
  const { deploy } = await switchTo('mount')
  assert.match(deploy ?? '', new RegExp(`deploy ${image} with -v ${directory}/served:/app/models:ro`))
})

test('an Engine that answers and then fails is no reason to go on without it', { skip }, async (t) => {
  const { options, proxy } = await createWorld(t)
  const engine = createServer(({ url = '' }, response) => {
    const isKnown = /\/(?:version|info)$/.test(url)
    response.statusCode = isKnown ? 200 : 500
    response.end(JSON.stringify(isKnown ? { ApiVersion: '1.41' } : { message: 'it restarts' }))
  }).listen(0, '127.0.0.1')
  await once(engine, 'listening')
  t.after(() => engine.close())
  const host = `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}`
  const env = { ...options.env, DOCKER_HOST: host }
  const ran = await run(['switch', 'api', '--to', 'embed'], { ...options, env })
  assert.match(ran.stderr, /the Engine says: it restarts/)
  assert.deepEqual([ran.code, proxy.sent.requests], [6, 0])
})

test('what the history of an image says cannot rewrite what stands on the terminal', { skip }, async (t) => {
  const { directory, image, trySwitch } = await createWorld(t, { copies: 'alone' })
  const steps = ['COPY \u001b[2Jmodels/ /app/models/ # buildkit', 'COPY main.py /app/ # buildkit']
  await writeImageLayout(join(directory, 'hostile'), { tag: 'v1', ...baseWith('alone'), steps })
  const copy = ['copy', '-q', '--dest-tls-verify=false']
  await exec('skopeo', [...copy, `oci:${join(directory, 'hostile')}:v1`, `docker://${image}`])
  const shown = await trySwitch('mount', '--dry-run')
  assert.match(shown.stdout, /delete the line `COPY \?\[2Jmodels\//)
})

test('where nothing says what to do, what is missing is said', { skip }, async (t) => {
  const { directory, options, trySwitch } = await createWorld(t, { target: false })
  const elsewhere = await trySwitch('embed', '--env', 'staging')
  assert.deepEqual([elsewhere.code, /api has no strategy for staging/.test(elsewhere.stderr)], [2, true])
  const none = await trySwitch('mount')
  assert.deepEqual([none.code, /names no directory for sentiment:prod/.test(none.stderr)], [4, true])
  assert.match(none.stderr, /targets: - \{ ref: "sentiment:prod", to: \.\/models \}/)
  const unknown = await run(['switch', 'nobody', '--to', 'mount'], options)
  assert.deepEqual([unknown.code, /it has api/.test(unknown.stderr)], [3, true])
  await writeFile(
    join(directory, 'ballast.yaml'),
    'apps: { api: { image: plain:v1, models: [ { ref: sentiment:prod, path: /app/models } ] } }\n',
  )
  const engine = await trySwitch('mount')
  assert.deepEqual([engine.code, /no Docker Engine answers/.test(engine.stderr)], [6, true])
})
