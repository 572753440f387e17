import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startDockerRegistry } from '../doubles/docker-registry.ts'
import { type EngineProxy, startEngineProxy } from '../doubles/engine-proxy.ts'
import { ask, run as ballast, start } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, startOwnEngine, uniqueName } from '../fixtures/engine.ts'
import { assertFails } from '../fixtures/failing.ts'
import { type BaseEntry, writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'
import { cannotMount, temporaryTmpfs } from '../fixtures/tmpfs.ts'

const run = promisify(execFile)
const skip = engineMissing()
const SIZE = 3 * 1024 * 1024 + 1
/** What each embed sends beside the model: placement, config and manifest. */
const SMALL = 64 * 1024

interface EmbedAnswer {
  readonly image: string
  readonly digest: string
  readonly bytesSent: number
  readonly former?: string
  readonly layers: readonly { readonly digest: string; readonly how: string }[]
  readonly runningFormer: readonly { readonly id: string; readonly name: string }[]
  readonly toRegistry?: string
  readonly warnings: readonly string[]
}

interface World {
  readonly directory: string
  readonly store: string
  readonly proxy: EngineProxy
  /** Speaks to the Engine over TCP, through the proxy. */
  readonly embed: (...args: readonly string[]) => Promise<EmbedAnswer>
  readonly env: Readonly<Record<string, string>>
  /** An image's name that goes with the test, with all of its tags. */
  readonly name: () => string
}

async function createWorld(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  for (const version of [1, 2]) {
    await writeFiles(join(directory, `model${version}`), {
      'weights.bin': createRandom(`embed-engine ${version}`).bytes(SIZE),
      'config.json': JSON.stringify({ version }),
    })
    await ask(['add', 'sentiment', join(directory, `model${version}`)], { store })
  }
  const proxy = await startEngineProxy(t)
  const env = { DOCKER_HOST: proxy.host }
  return {
    directory,
    store,
    proxy,
    env,
    embed: (...args) => ask<EmbedAnswer>(['embed', ...args], { store, env }),
    name: () => nameThatGoes(t),
  }
}

function nameThatGoes(t: TestContext, host?: string): string {
  const name = uniqueName('ballast-embed')
  t.after(async () => {
    const ids = await docker(['ps', '-aq', '--filter', `name=${name}`], host).catch(() => '')
    if (ids !== '') await docker(['rm', '-f', ...ids.split('\n')], host).catch(() => undefined)
    const tags = await docker(['images', '--format', '{{.Repository}}:{{.Tag}}', name], host).catch(() => '')
    if (tags !== '') await docker(['rmi', '-f', ...tags.split('\n')], host).catch(() => undefined)
  })
  return name
}

/** Two layers, and of everything that a Dockerfile may say of a container. */
async function applicationImage(t: TestContext, name: string): Promise<string> {
  const bare = await busyboxImage(t)
  const directory = await temporaryDirectory(t)
  const dockerfile = [
    `FROM ${bare}`,
    'COPY main.py /app/main.py',
    'ENV MODE=production',
    'USER 1000:1000',
    'HEALTHCHECK --interval=7s CMD ["/bin/true"]',
    'ENTRYPOINT ["/bin/sh", "-c"]',
    'CMD ["sleep 600"]',
  ]
  await writeFiles(directory, { Dockerfile: dockerfile.join('\n'), 'main.py': 'print(1)\n' })
  const env = { ...process.env, DOCKER_BUILDKIT: '0' }
  await run('docker', ['build', '-q', '-t', `${name}:latest`, directory], { env })
  return `${name}:latest`
}

async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}

/** As a process in a new container sees the file. */
async function hashIn(image: string, path: string): Promise<string> {
  const args = ['run', '--rm', '--network', 'none', '--entrypoint', '/bin/sha256sum', image, path]
  return (await docker(args)).slice(0, 64)
}

async function inspect(image: string): Promise<Record<string, unknown>> {
  return JSON.parse(await docker(['image', 'inspect', '--format', '{{json .Config}}', image]))
}

function countOf({ layers }: EmbedAnswer, how: string): number {
  return layers.filter((layer) => layer.how === how).length
}

async function leftInTemporary(): Promise<readonly string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('.ballast-'))
}

test('a model is at its path in a container, the base is not sent, and the image keeps all that it said', {
  skip,
}, async (t) => {
  const { directory, proxy, embed, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  proxy.reset()
  const answer = await embed('sentiment:1=/app/models', base, '-t', `${image}:v1`)
  assert.equal(
    await hashIn(`${image}:v1`, '/app/models/weights.bin'),
    await hashOf(`${directory}/model1/weights.bin`),
  )
  assert.equal(
    await hashIn(`${image}:v1`, '/app/models/config.json'),
    await hashOf(`${directory}/model1/config.json`),
  )
  assert.equal(countOf(answer, 'exists'), 2, 'both layers of the base')
  assert.ok(answer.bytesSent > SIZE && answer.bytesSent < SIZE + SMALL, `${answer.bytesSent} bytes sent`)
  assert.ok(proxy.sent < SIZE + SMALL, `${proxy.sent} bytes over the wire`)
  const { Labels: labels, ...config } = await inspect(`${image}:v1`)
  const { Labels: _, ...before } = await inspect(base)
  assert.ok(Object.keys(labels as object).includes('dev.ballast.models'))
  for (const key of ['Healthcheck', 'Entrypoint', 'Cmd', 'Env', 'User'])
    assert.deepEqual(config[key], before[key], key)
  assert.deepEqual(answer.warnings, [], 'nothing is lost on the way into an Engine')
  const id = await docker(['image', 'inspect', '--format', '{{.Id}}', `${image}:v1`])
  assert.equal(answer.digest, id)
})

test('fields of a config that nobody knows pass through the Engine, from a layout and back into one', {
  skip,
}, async (t) => {
  const { directory, embed, name } = await createWorld(t)
  const [layout, back] = [join(directory, 'layout'), join(directory, 'back')]
  const layers: readonly (readonly BaseEntry[])[] = [
    [{ path: 'app/' }],
    [{ path: 'app/main.py', text: 'pass' }],
  ]
  await writeImageLayout(layout, { tag: 'base', layers, config: { 'x-team': 'search', Env: ['A=b'] } })
  const image = `${name()}:v1`
  const sent = await embed('sentiment:1=/app/models', `oci:${layout}:base`, '-t', image)
  assert.equal(countOf(sent, 'sent'), sent.layers.length, 'the Engine had none of it')
  await embed('sentiment:2', image, '-t', `oci:${back}:v2`)
  const read = async <T>(path: string): Promise<T> => JSON.parse(String(await readFile(join(back, path))))
  const blob = ({ digest }: { readonly digest: string }): string => `blobs/${digest.replace(':', '/')}`
  const index = await read<{ manifests: [{ digest: string }] }>('index.json')
  const manifest = await read<{ config: { digest: string } }>(blob(index.manifests[0]))
  const { config } = await read<{ config: Record<string, unknown> }>(blob(manifest.config))
  assert.equal(config['x-team'], 'search')
  assert.deepEqual(config.Env, ['A=b'])
})

test('a base is saved once: afterwards the Engine is asked for no image', { skip }, async (t) => {
  const { proxy, embed, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  const saves = (): readonly string[] => proxy.calls.filter((call) => call.endsWith('/get'))
  await embed('sentiment:1=/app/models', base, '-t', `${image}:v1`)
  assert.equal(saves().length, 1)
  proxy.reset()
  await embed('sentiment:2=/app/models', base, '-t', `${image}:v2`)
  await embed('sentiment:2', `${image}:v1`, '-t', `${image}:v1`)
  assert.deepEqual(saves(), [])
  assert.deepEqual(await leftInTemporary(), [])
})

test('a new version is a swap: only it is sent, containers of the former image keep theirs and are named', {
  skip,
}, async (t) => {
  const { directory, store, env, proxy, embed, name } = await createWorld(t)
  const image = name()
  const tag = `${image}:prod`
  await embed('sentiment:1=/app/models', await applicationImage(t, image), '-t', tag)
  const container = `${image}-old`
  await docker(['run', '-d', '--network', 'none', '--name', container, tag])
  const second = await embed('sentiment:2', tag, '-t', tag)
  assert.ok(second.bytesSent > SIZE && second.bytesSent < SIZE + SMALL)
  assert.equal(second.former, 'prod.was-1')
  assert.deepEqual(
    second.runningFormer.map(({ name }) => name),
    [container],
  )
  const old = await docker(['exec', container, '/bin/sha256sum', '/app/models/weights.bin'])
  assert.equal(old.slice(0, 64), await hashOf(`${directory}/model1/weights.bin`))
  assert.equal(await hashIn(tag, '/app/models/weights.bin'), await hashOf(`${directory}/model2/weights.bin`))

  proxy.reset()
  const back = await embed('sentiment:1', tag, '-t', tag)
  assert.ok(back.bytesSent < SMALL, 'the layers of a former version are there')
  assert.ok(proxy.sent < SMALL, `${proxy.sent} bytes over the wire`)
  const shown = await ballast(['embed', 'sentiment:2', tag, '-t', tag], { store, env })
  assert.match(shown.stdout, /ballast rollback image:/)
  assert.match(shown.stdout, /docker push would compress the layers again.*-t REGISTRY\//)
})

test('history and rollback of an image in the Engine', { skip }, async (t) => {
  const { directory, store, env, proxy, embed, name } = await createWorld(t)
  const image = name()
  const tag = `${image}:prod`
  await embed('sentiment:1=/app/models', await applicationImage(t, image), '-t', tag)
  await embed('sentiment:2', tag, '-t', tag)
  const numbers = async (): Promise<readonly (number | undefined)[]> =>
    (await ask<{ number?: number }[]>(['history', `image:${tag}`], { store, env })).map(
      ({ number }) => number,
    )
  assert.deepEqual(await numbers(), [1, 2])
  proxy.reset()
  const result = await ask<{ number: number }>(['rollback', `image:${tag}`], { store, env })
  assert.equal(result.number, 1)
  assert.ok(proxy.sent < 1024, 'a tag moves, and nothing else')
  assert.equal(await hashIn(tag, '/app/models/weights.bin'), await hashOf(`${directory}/model1/weights.bin`))
  assert.deepEqual((await numbers()).at(-1), 1)
  await ask(['rollback', `image:${tag}`], { store, env })
  assert.deepEqual((await numbers()).at(-1), 2, 'twice in a row returns to where it was')
})

test('a tag that somebody else built is kept as well, and not read for that', { skip }, async (t) => {
  const { proxy, embed, name } = await createWorld(t)
  const [image, other] = [name(), name()]
  const base = await applicationImage(t, image)
  await docker(['tag', await busyboxImage(t), `${other}:v1`])
  const before = await docker(['image', 'inspect', '--format', '{{.Id}}', `${other}:v1`])
  proxy.reset()
  const { former } = await embed('sentiment:1=/app/models', base, '-t', `${other}:v1`)
  assert.equal(former, 'v1.was-1')
  assert.equal(await docker(['image', 'inspect', '--format', '{{.Id}}', `${other}:v1.was-1`]), before)
  assert.equal(proxy.calls.filter((call) => call.endsWith('/get')).length, 1, 'only the base is saved')
})

test('at the bottom of the image: the layers of the base are sent again, above the model', {
  skip,
}, async (t) => {
  const { directory, embed, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  const answer = await embed('sentiment:1=/app/models', base, '-t', `${image}:v1`, '--position', 'bottom')
  assert.equal(countOf(answer, 'exists'), 0)
  assert.equal(
    await hashIn(`${image}:v1`, '/app/models/weights.bin'),
    await hashOf(`${directory}/model1/weights.bin`),
  )
  const swap = await embed('sentiment:2', `${image}:v1`, '-t', `${image}:v1`)
  assert.equal(
    await hashIn(`${image}:v1`, '/app/models/weights.bin'),
    await hashOf(`${directory}/model2/weights.bin`),
  )
  assert.equal(
    await hashIn(`${image}:v1`, '/app/main.py'),
    createHash('sha256').update('print(1)\n').digest('hex'),
  )
  assert.equal(countOf(swap, 'exists'), 0)
})

test('from the Engine into a registry, and from there back into the Engine', {
  skip: skip || missingParts('docker-registry'),
}, async (t) => {
  const registry = await startDockerRegistry()
  assert.ok(registry)
  t.after(() => registry.close())
  const { directory, embed, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  const remote = `${registry.host}/${image}:v1`
  t.after(() => docker(['rmi', '-f', remote]).catch(() => undefined))
  await embed('sentiment:1=/app/models', base, '-t', remote)
  await docker(['pull', '-q', remote])
  assert.equal(
    await hashIn(remote, '/app/models/weights.bin'),
    await hashOf(`${directory}/model1/weights.bin`),
  )
  const back = await embed('sentiment:2', remote, '-t', `${image}:v2`)
  assert.equal(
    await hashIn(`${image}:v2`, '/app/models/weights.bin'),
    await hashOf(`${directory}/model2/weights.bin`),
  )
  assert.equal(countOf(back, 'exists'), 2, 'the base is in the Engine, whatever the registry has it as')
})

test('into an archive that docker load reads, named like the base', { skip }, async (t) => {
  const { directory, embed, name } = await createWorld(t)
  const image = name()
  const archive = join(directory, 'image.tar')
  const answer = await embed(
    'sentiment:1=/app/models',
    await applicationImage(t, image),
    '-t',
    `archive:${archive}:v5`,
  )
  assert.equal(answer.image, `archive:${archive}:${image}:v5`)
  await docker(['load', '-q', '-i', archive])
  assert.equal(
    await hashIn(`${image}:v5`, '/app/models/weights.bin'),
    await hashOf(`${directory}/model1/weights.bin`),
  )
})

test('a large layer is sent to an Engine on this host before its digest is known, once', {
  skip,
}, async (t) => {
  const { directory, store, name } = await createWorld(t)
  const proxy = await startEngineProxy(t, { at: join(directory, 'engine.sock') })
  const env = { DOCKER_HOST: proxy.host }
  const image = name()
  const base = await applicationImage(t, image)
  const size = 65 * 1024 * 1024
  await writeFiles(join(directory, 'big'), { 'weights.bin': createRandom('big').bytes(size) })
  const embed = (into: string, tag: string): Promise<EmbedAnswer> =>
    ask(['embed', 'big=/app/models', base, '-t', `${image}:${tag}`], { store: into, env })
  await ask(['add', 'big', join(directory, 'big')], { store })
  const first = await embed(store, 'v1')
  assert.equal(
    await hashIn(`${image}:v1`, '/app/models/weights.bin'),
    await hashOf(`${directory}/big/weights.bin`),
  )
  assert.ok(proxy.sent > size && proxy.sent < size + SMALL, `${proxy.sent} bytes over the wire`)
  assert.ok(first.bytesSent > size && first.bytesSent < size + SMALL, `${first.bytesSent} bytes sent`)
  const listed = proxy.calls.lastIndexOf('GET /images/json')
  assert.ok(proxy.calls.indexOf('POST /images/load') < listed, 'what the Engine has is looked for afterwards')

  // Another store does not know that the image is there until it has been sent.
  const other = join(directory, 'other')
  await ask(['add', 'big', join(directory, 'big')], { store: other })
  const second = await embed(other, 'v2')
  assert.equal(second.digest, first.digest)
  proxy.reset()
  await embed(store, 'v3')
  assert.ok(proxy.sent < SMALL, 'what is known and there is not sent')
  const ids = await docker(['images', '-q', '--no-trunc', image])
  assert.equal(ids.split('\n').filter((id) => id === first.digest).length, 3, 'one image with three names')
})

test('a stored file that has been damaged unnoticed makes no image', { skip }, async (t) => {
  const { directory, store, env, embed, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  await embed('sentiment:1=/app/models', base, '-t', `${image}:v1`)
  await docker(['rmi', '-f', `${image}:v1`])
  const blob = join(store, 'blobs', 'sha256', await hashOf(`${directory}/model1/weights.bin`))
  await chmod(blob, 0o644)
  await writeFile(blob, createRandom('other bytes').bytes(SIZE))
  await chmod(blob, 0o444)
  await utimes(blob, 0, 0)
  const args = ['embed', 'sentiment:1=/app/models', base, '-t', `${image}:v2`]
  await assertFails(args, { code: 4, names: ['sentiment:1'], next: 'ballast add' }, { store, env })
  assert.equal(await docker(['images', '-q', `${image}:v2`]), '')
})

test('an Engine that has nothing gets everything', { skip: skip || cannotMount() }, async (t) => {
  const { directory, store } = await createWorld(t)
  const engine = await startOwnEngine(t)
  const env = { DOCKER_HOST: engine.host }
  const archive = join(directory, 'base.tar')
  const base = await applicationImage(t, nameThatGoes(t))
  await docker(['save', '-o', archive, base])
  const answer = await ask<EmbedAnswer>(
    ['embed', 'sentiment:1=/app/models', `archive:${archive}`, '-t', 'app:v1'],
    {
      store,
      env,
    },
  )
  assert.equal(countOf(answer, 'sent'), answer.layers.length)
  const id = await docker(['create', 'app:v1'], engine.host)
  await docker(['cp', '-L', `${id}:/app/models/weights.bin`, join(directory, 'copied')], engine.host)
  assert.equal(await hashOf(join(directory, 'copied')), await hashOf(`${directory}/model1/weights.bin`))
})

test('an Engine whose disk is full says so, and nothing is left in it', {
  skip: skip || cannotMount(),
}, async (t) => {
  const { directory, store } = await createWorld(t)
  const { path } = await temporaryTmpfs(t, 'size=32m')
  const engine = await startOwnEngine(t, { within: path })
  const layout = join(directory, 'layout')
  await writeImageLayout(layout, { tag: 'base', layers: [[{ path: 'app/' }]] })
  await writeFiles(join(directory, 'big'), { 'weights.bin': createRandom('big').bytes(48 * 1024 * 1024) })
  await ask(['add', 'big', join(directory, 'big')], { store })
  const env = { DOCKER_HOST: engine.host }
  // A slow machine would show progress before the message.
  const args = ['embed', '-q', 'big=/app/models', `oci:${layout}:base`, '-t', 'app:v1']
  await assertFails(
    args,
    { code: 7, names: ['Engine', 'no space left'], next: 'docker system df' },
    { store, env },
  )
  assert.equal(await docker(['images', '-q'], engine.host), '')
  const small = ['embed', 'sentiment:1=/app/models', `oci:${layout}:base`, '-t', 'app:v1']
  await ask(small, { store, env })
})

test('what goes wrong with an Engine is told with the way out', { skip }, async (t) => {
  const { directory, store, env, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  const embed = (from: string): readonly string[] => [
    'embed',
    'sentiment:1=/app/models',
    from,
    '-t',
    `${image}:v1`,
  ]
  await assertFails(
    embed('no-such-image:v9'),
    { code: 3, names: ['no-such-image:v9'], next: /docker image ls.*localhost:5000/s },
    { store, env },
  )
  const gone = { DOCKER_HOST: `unix://${directory}/none.sock` }
  await assertFails(
    embed(base),
    { code: 6, names: [`unix://${directory}/none.sock`], next: 'systemctl start docker' },
    { store, env: gone },
  )
  await assertFails(embed('My_App'), { code: 2, names: ['My_App'], next: 'lower case' }, { store, env })
  await assertFails(
    ['history', `image:${image}:v9`],
    { code: 3, names: [`${image}:v9`], next: 'docker image ls' },
    { store, env },
  )
  await assertFails(['rollback', `image:${base}`], { code: 5, names: [base], next: '.was-1' }, { store, env })
})

test('a user who may not speak to the Engine is told how to be let in', {
  skip: skip || (process.geteuid?.() !== 0 && 'acting as another user needs root'),
}, async (t) => {
  const { directory, store } = await createWorld(t)
  await run('chmod', ['-R', 'a+rX', directory])
  const ran = await ballast(['embed', 'sentiment:1=/app/models', 'app', '-t', 'app:v1'], {
    store,
    uid: 65534,
    env: { DOCKER_HOST: 'unix:///var/run/docker.sock' },
  })
  assert.equal(ran.code, 6, ran.stderr)
  assert.match(ran.stderr, /may not speak to the Docker Engine at unix:\/\/\/var\/run\/docker.sock/)
  assert.match(ran.stderr, /usermod -aG docker/)
})

test('a base of as many layers as an Engine runs is refused before anything is sent', { skip }, async (t) => {
  const { directory, store, env, proxy, name } = await createWorld(t)
  const layout = join(directory, 'layout')
  const layers = Array.from({ length: 124 }, (_, at): BaseEntry[] => [{ path: `f${at}`, text: 'x' }])
  await writeImageLayout(layout, { tag: 'base', layers })
  await assertFails(
    ['embed', 'sentiment:1=/app/models', `oci:${layout}:base`, '-t', `${name()}:v1`],
    { code: 4, names: ['126 layers', '125'], next: 'mount the model instead' },
    { store, env },
  )
  assert.equal(proxy.calls.filter((call) => call === 'POST /images/load').length, 0)
})

test('interrupted while it sends, it leaves nothing in the Engine and nothing in the temporary directory', {
  skip,
}, async (t) => {
  const { directory, store, env, proxy, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  await mkdir(join(directory, 'big'))
  await run('dd', ['if=/dev/zero', `of=${directory}/big/weights.bin`, 'bs=1M', 'count=300', 'status=none'])
  await ask(['add', 'big', join(directory, 'big')], { store })
  // Afterwards the layer is known, and sending begins at once.
  await ask(['embed', 'big=/app/models', base, '-t', `${image}:warm`], { store, env })
  await docker(['rmi', '-f', `${image}:warm`])
  proxy.reset()
  const running = start(['embed', 'big=/app/models', base, '-t', `${image}:v1`], { store, env })
  while (proxy.sent < 1024 * 1024 && running.child.exitCode === null) await sleep(5)
  running.child.kill('SIGINT')
  const { code, stderr } = await running.ended
  assert.equal(code, 130, stderr)
  assert.equal(await docker(['images', '-q', `${image}:v1`]), '')
  assert.deepEqual(await leftInTemporary(), [])
  await ask(['embed', 'sentiment:1=/app/models', base, '-t', `${image}:v1`], { store, env })
  await rm(join(directory, 'big'), { recursive: true })
})

test('killed while it reads a base, it leaves a file of its own, which goes with the next save', {
  skip,
}, async (t) => {
  const { directory, store, env, proxy, name } = await createWorld(t)
  const image = name()
  const base = await applicationImage(t, image)
  const big = `${image}:big`
  const context = join(directory, 'context')
  await writeFiles(context, {
    Dockerfile: `FROM ${base}\nCOPY zeros /zeros`,
    zeros: Buffer.alloc(200_000_000),
  })
  await run('docker', ['build', '-q', '-t', big, context], { env: { ...process.env, DOCKER_BUILDKIT: '0' } })
  proxy.reset()
  const running = start(['embed', 'sentiment:1=/app/models', big, '-t', `${image}:v1`], { store, env })
  while ((await leftInTemporary()).length === 0 && running.child.exitCode === null) await sleep(2)
  running.kill()
  await running.ended
  const [left = ''] = await leftInTemporary()
  const { mode } = await stat(join(tmpdir(), left))
  assert.equal(mode & 0o777, 0o700, 'for nobody else')
  await ask(['embed', 'sentiment:1=/app/models', base, '-t', `${image}:v1`], { store, env })
  assert.ok(!(await leftInTemporary()).includes(left))
})

test('Podman, by the API of Docker that it speaks: embed, swap, history and rollback; a HEALTHCHECK stays', {
  skip: skip || missingParts('podman'),
}, async (t) => {
  const { directory, store, name } = await createWorld(t)
  const image = name()
  const archive = join(directory, 'base.tar')
  await docker(['save', '-o', archive, await applicationImage(t, image)])
  const podman = await startPodman(t)
  const env = { DOCKER_HOST: podman.host }
  await podman.call('load', '-q', '-i', archive)
  const tag = `${image}:v1`
  await ask(['embed', 'sentiment:1=/app/models', `${image}:latest`, '-t', tag], { store, env })
  const health = await podman.call('image', 'inspect', '--format', '{{json .HealthCheck}}', tag)
  assert.match(health, /\/bin\/true/)
  const second = await ask<EmbedAnswer>(['embed', 'sentiment:2', tag, '-t', tag], { store, env })
  assert.equal(second.former, 'v1.was-1')
  assert.equal(
    await podman.hashIn(tag, 'app/models/weights.bin'),
    await hashOf(`${directory}/model2/weights.bin`),
  )
  await ask(['rollback', `image:${tag}`], { store, env })
  assert.equal(
    await podman.hashIn(tag, 'app/models/weights.bin'),
    await hashOf(`${directory}/model1/weights.bin`),
  )
  const moves = await ask<{ tag: string; number?: number }[]>(['history', `image:${tag}`], { store, env })
  assert.equal(moves.at(-1)?.number, 1)
})

interface Podman {
  /** For DOCKER_HOST. */
  readonly host: string
  readonly call: (...args: readonly string[]) => Promise<string>
  /** As a container sees the file; without one, which not every kernel lets Podman start. */
  readonly hashIn: (image: string, path: string) => Promise<string>
}

/** Podman's service over an empty storage of its own. */
async function startPodman(t: TestContext): Promise<Podman> {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-podman-'))
  const socket = join(directory, 'podman.sock')
  const storage = ['--root', join(directory, 'storage'), '--runroot', join(directory, 'run')]
  const service = spawn('podman', [...storage, 'system', 'service', '-t', '0', `unix://${socket}`], {
    stdio: 'ignore',
  })
  const exited = once(service, 'exit')
  const call = async (...args: readonly string[]): Promise<string> =>
    (await run('podman', [...storage, ...args], { maxBuffer: 1 << 26 })).stdout.trim()
  t.after(async () => {
    service.kill('SIGKILL')
    await exited
    // Podman mounts it on itself.
    await run('umount', ['-R', '-l', join(directory, 'storage', 'overlay')]).catch(() => undefined)
    await rm(directory, { recursive: true, force: true })
  })
  for (let tries = 0; tries < 500 && !existsSync(socket); tries++) await sleep(20)
  return {
    host: `unix://${socket}`,
    call,
    async hashIn(image, path) {
      const root = await call('image', 'mount', image)
      try {
        const link = await readlink(join(root, 'app/models'))
        return await hashOf(join(root, 'app', link, path.replace('app/models/', '')))
      } finally {
        await call('image', 'unmount', image)
      }
    },
  }
}
