import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { removeUnusedTrees } from '../../src/workflows/run-trees.ts'
import { ask, COMMAND, run, start } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const exec = promisify(execFile)
const skip = engineMissing()

interface World {
  readonly directory: string
  readonly image: string
  readonly options: { readonly store: string; readonly cwd: string }
}

/** A store with `sentiment:1` and `sentiment:prod`, and an image that has an empty `/app`. */
async function createWorld(t: TestContext): Promise<World> {
  const directory = await temporaryDirectory(t)
  const image = await busyboxImage(t)
  t.after(() => removeEmbedded(image))
  const options = { store: join(directory, 'store'), cwd: directory }
  await writeFiles(join(directory, 'one'), { 'model.txt': 'one', 'config/a.json': '{}' })
  await ask(['add', 'sentiment:prod', './one'], options)
  return { directory, image, options }
}

async function addSecond({ directory, options }: World): Promise<void> {
  await writeFiles(join(directory, 'two'), { 'model.txt': 'two', 'config/a.json': '{}' })
  await ask(['add', 'sentiment:prod', './two'], options)
}

async function removeEmbedded(image: string): Promise<void> {
  for (const name of await embeddedImages(image)) {
    const containers = await docker(['ps', '-aq', '--filter', `ancestor=${name}`])
    if (containers !== '') await docker(['rm', '-f', ...containers.split('\n')])
    await docker(['image', 'rm', '-f', name])
  }
}

async function embeddedImages(image: string): Promise<readonly string[]> {
  const [name = ''] = image.split(':')
  const names = await docker(['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', name])
  return names.split('\n').filter((line) => line.includes(':ballast-'))
}

/** The name of a container that goes with the test. */
function containerName(t: TestContext): string {
  const name = uniqueName('ballast-run')
  t.after(() => docker(['rm', '-f', name]).catch(() => undefined))
  return name
}

const WITH_MODEL = ['--model', 'sentiment:prod=/app/models']

for (const strategy of ['mount', 'embed']) {
  test(`${strategy}: the container finds the model at the path, and its exit code is that of run`, {
    skip,
  }, async (t) => {
    const { image, options } = await createWorld(t)
    const script =
      'cat /app/models/model.txt /app/models/config/a.json /app/models/.ballast/model.json; exit 7'
    const ran = await run(
      [
        'run',
        ...WITH_MODEL,
        '--strategy',
        strategy,
        '--',
        '--rm',
        '--network',
        'none',
        image,
        'sh',
        '-c',
        script,
      ],
      options,
    )
    assert.equal(ran.code, 7, ran.stderr)
    assert.match(ran.stdout, /^one\{\}\{\s+"model": "sentiment"/)
    assert.match(ran.stdout, /"reference": "sentiment:prod"/)
    assert.match(ran.stderr, /sentiment:1 at \/app\/models/)
  })

  test(`${strategy}: a container of an older version keeps it when a newer one runs beside it`, {
    skip,
  }, async (t) => {
    const world = await createWorld(t)
    const names = [containerName(t), containerName(t)]
    for (const [at, name] of names.entries()) {
      if (at === 1) await addSecond(world)
      const args = ['-d', '--network', 'none', '--name', name, world.image]
      const ran = await run(['run', ...WITH_MODEL, '--strategy', strategy, '--', ...args], world.options)
      assert.equal(ran.code, 0, ran.stderr)
    }
    const read = (name: string | undefined) => docker(['exec', `${name}`, 'cat', '/app/models/model.txt'])
    assert.deepEqual([await read(names[0]), await read(names[1])], ['one', 'two'])
  })
}

test('a mounted tree is links to the store, and root in the container changes nothing in it', {
  skip,
}, async (t) => {
  const { image, options } = await createWorld(t)
  const destroy =
    'for f in $(find /app/models); do echo x > $f; done; rm -rf /app/models; touch /app/models/new; cat /app/models/model.txt'
  const args = ['--rm', '--network', 'none', image, 'sh', '-c', destroy]
  const ran = await run(['run', ...WITH_MODEL, '--strategy', 'mount', '--', ...args], options)
  assert.equal(ran.stdout, 'one', ran.stderr)
  const linked = await sourceOf(options, [image])
  assert.ok((await stat(join(linked, 'model.txt'))).nlink > 1)
  assert.equal((await run(['verify'], options)).code, 0)
  // A privileged container could mount it writable.
  for (const rights of [['--privileged'], ['--cap-add', 'SYS_ADMIN'], ['--cap-add=ALL']]) {
    const copied = await sourceOf(options, [...rights, image])
    assert.equal((await stat(join(copied, 'model.txt'))).nlink, 1, rights.join(' '))
  }
})

/** The directory that would be mounted. */
async function sourceOf(options: World['options'], args: readonly string[]): Promise<string> {
  const ran = await run(['--json', 'run', ...WITH_MODEL, '--dry-run', '--', ...args], options)
  const prepared: { readonly args: readonly string[] } = JSON.parse(ran.stdout)
  return /source=([^,]+)/.exec(prepared.args.join(' '))?.[1] ?? ''
}

test('embed makes one image for one base, version and path, however often it runs', { skip }, async (t) => {
  const world = await createWorld(t)
  const { image, options } = world
  const once = () =>
    run(
      ['run', ...WITH_MODEL, '--strategy', 'embed', '--', '--rm', '--network', 'none', image, 'true'],
      options,
    )
  for (let time = 0; time < 2; time++) assert.equal((await once()).code, 0)
  assert.equal((await embeddedImages(image)).length, 1)
  await addSecond(world)
  assert.equal((await once()).code, 0)
  assert.equal((await embeddedImages(image)).length, 2)
})

test('what run itself cannot do ends with 125, nothing started, and says what to do', { skip }, async (t) => {
  const world = await createWorld(t)
  const { directory, image, options } = world
  const volume = `${uniqueName('ballast-test')}:latest`
  await docker([
    'import',
    '--change',
    'VOLUME /app/models',
    '--change',
    'CMD ["true"]',
    await emptyTar(directory),
    volume,
  ])
  t.after(() => docker(['image', 'rm', '-f', volume]))
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['unknown model', ['--model', 'nope', '--', image], /no model nope/],
    ['no model', ['--', image], /which model should/],
    ['relative path', ['--model', 'sentiment=app/models', '--', image], /not absolute/],
    [
      'own volume',
      [...WITH_MODEL, '--', '-v', './x:/app/models/', image],
      /mount something else there \(--volume/,
    ],
    [
      'volume inside',
      [...WITH_MODEL, '--', '--tmpfs', '/app/models/tmp', image],
      /mount something else there/,
    ],
    ['no image', [...WITH_MODEL, '--', '-d'], /no image/],
    ['unknown option', [...WITH_MODEL, '--', '--from-the-future', image], /--image/],
    ['no dashes', [...WITH_MODEL, '-d', image], /stand behind --/],
    ['two models', ['--model', 'sentiment:1=/m,sentiment:prod=/m/n', '--', image], /another model/],
    [
      'image not there',
      [...WITH_MODEL, '--strategy', 'embed', '--', 'not-there:at-all'],
      /docker pull not-there/,
    ],
    ['VOLUME', [...WITH_MODEL, '--strategy', 'embed', '--', volume], /VOLUME \/app\/models/],
    ['strategy', [...WITH_MODEL, '--strategy', 'bake', '--', image], /no such strategy/],
  ]
  for (const [name, args, message] of cases) {
    const ran = await run(['run', ...args], options)
    assert.equal(ran.code, 125, `${name}: ${ran.stderr}`)
    assert.match(ran.stderr, message, name)
    assert.equal(ran.stdout, '', name)
  }
  assert.equal(await docker(['ps', '-aq', '--filter', `ancestor=${image}`]), '')
})

test('what --volumes-from brings to the path of a model is refused, and let through elsewhere', {
  skip,
}, async (t) => {
  const { image, options } = await createWorld(t)
  const share = async (path: string): Promise<string> => {
    const name = containerName(t)
    t.after(() => docker(['volume', 'rm', name]))
    await docker(['create', '--name', name, '-v', `${name}:${path}`, image])
    return name
  }
  const [taken, free] = [await share('/app/models/cache'), await share('/data')]
  const runFrom = (from: string, strategy: string) => {
    const args = ['--rm', '--network', 'none', '--volumes-from', from, image, 'cat', '/app/models/model.txt']
    return run(['run', ...WITH_MODEL, '--strategy', strategy, '--', ...args], options)
  }
  for (const strategy of ['mount', 'embed']) {
    const refused = await runFrom(`${taken}:ro`, strategy)
    assert.equal(refused.code, 125, strategy)
    assert.match(refused.stderr, new RegExp(`/app/models/cache of the container ${taken}`))
    const ran = await runFrom(free, strategy)
    assert.deepEqual([ran.code, ran.stdout], [0, 'one'], ran.stderr)
  }
  assert.match((await runFrom('not-there-at-all', 'mount')).stderr, /not-there-at-all/)
})

async function emptyTar(directory: string): Promise<string> {
  const path = join(directory, 'empty.tar')
  await exec('tar', ['-C', join(directory, 'one'), '-cf', path, '.'])
  return path
}

test('a damaged model starts nothing, and a tree that somebody has changed is made anew', {
  skip,
}, async (t) => {
  const { image, options } = await createWorld(t)
  const args = [
    'run',
    ...WITH_MODEL,
    '--',
    '--rm',
    '--network',
    'none',
    image,
    'cat',
    '/app/models/model.txt',
  ]
  assert.equal((await run(args, options)).stdout, 'one')
  const trees = join(options.store, 'ballast', 'trees')
  const [tree] = (await readdir(trees, { recursive: true })).filter((path) => path.endsWith('.prod'))
  await rm(join(trees, tree ?? '', 'model.txt'))
  assert.equal((await run(args, options)).stdout, 'one')
  const [version] = await ask<readonly { digest: string }[]>(['check', 'sentiment:prod'], options)
  assert.ok(version)
  await rm(join(trees, tree ?? ''), { recursive: true })
  for (const blob of await readdir(join(options.store, 'blobs/sha256'))) {
    const path = join(options.store, 'blobs/sha256', blob)
    if ((await stat(path)).size === 3) await rm(path)
  }
  const ran = await run(args, options)
  assert.equal(ran.code, 125)
  assert.match(ran.stderr, /ballast add sentiment/)
})

test("docker's own refusal passes through, with a hint: a name or a port that is taken", {
  skip,
}, async (t) => {
  const { image, options } = await createWorld(t)
  const name = containerName(t)
  const first = await run(
    ['run', ...WITH_MODEL, '--', '-d', '-p', '127.0.0.1:0:80', '--name', name, image],
    options,
  )
  assert.equal(first.code, 0, first.stderr)
  const again = await run(['run', ...WITH_MODEL, '--', '-d', '--name', name, image], options)
  assert.equal(again.code, 125)
  assert.match(again.stderr, /already in use/)
  assert.match(again.stderr, new RegExp(`docker rm -f ${name} removes it`))
  const [, port = ''] = /:(\d+)/.exec(await docker(['port', name, '80'])) ?? []
  const second = containerName(t)
  const taken = await run(
    ['run', ...WITH_MODEL, '--', '-d', '-p', `127.0.0.1:${port}:80`, '--name', second, image],
    options,
  )
  assert.equal(taken.code, 125)
  assert.match(taken.stderr, new RegExp(`port ${port} is published by the container ${name}`))
})

test('ballast.yaml says which models an image runs with, and where', { skip }, async (t) => {
  const { directory, image, options } = await createWorld(t)
  const app = `apps: { api: { image: "${image}", models: [{ ref: "sentiment:1", path: /srv/m }] } }`
  await writeFiles(directory, { 'ballast.yaml': app })
  const args = ['--', '--rm', '--network', 'none', image, 'cat', '/srv/m/model.txt']
  assert.equal((await run(['run', ...args], options)).stdout, 'one')
  assert.equal((await run(['run', '--model', 'sentiment:prod', ...args], options)).stdout, 'one')
})

test('auto embeds for an Engine on another machine, where mounting is refused', {
  skip: skip || (process.getuid?.() !== 0 && 'only root can have a host name of its own'),
}, async (t) => {
  const { image, options } = await createWorld(t)
  const elsewhere = async (args: readonly string[]) => {
    const command = [process.execPath, COMMAND, '--store', options.store, 'run', ...WITH_MODEL, ...args]
    return exec('unshare', ['--uts', 'sh', '-c', 'hostname elsewhere && exec "$@"', 'sh', ...command]).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )
  }
  const docker = ['--', '--rm', '--network', 'none', image, 'cat', '/app/models/model.txt']
  const embedded = await elsewhere(docker)
  assert.equal(embedded.stdout, 'one', embedded.stderr)
  assert.match(embedded.stderr, new RegExp(`runs on another machine \\(${hostname()}\\)`))
  const mounted = await elsewhere(['--strategy', 'mount', ...docker])
  assert.equal(mounted.code, 125)
  assert.match(mounted.stderr, /--strategy embed/)
})

test('a signal to run reaches the container, whose exit code comes back', { skip }, async (t) => {
  const { image, options } = await createWorld(t)
  const script = 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
  const running = start(
    ['run', ...WITH_MODEL, '--', '--rm', '--network', 'none', image, 'sh', '-c', script],
    options,
  )
  t.after(running.kill)
  while (!running.stdout().includes('ready')) {
    assert.equal(running.child.exitCode, null)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  running.child.kill('SIGTERM')
  assert.equal((await running.ended).code, 3)
})

test('gc removes what nothing has used for a day, and no tree of a container', { skip }, async (t) => {
  const { image, options } = await createWorld(t)
  const name = containerName(t)
  await run(['run', ...WITH_MODEL, '--', '-d', '--network', 'none', '--name', name, image], options)
  const mounted = await sourceOf(options, [image])
  const unused = await sourceOf(options, ['--privileged', image])
  const longAgo = Date.now() / 1000 - 90_000
  for (const tree of [mounted, unused]) await utimes(tree, longAgo, longAgo)
  const elsewhere = { ...options, env: { DOCKER_HOST: 'unix:///nonexistent.sock' } }
  assert.equal((await run(['gc'], elsewhere)).code, 0)
  assert.deepEqual([existsSync(mounted), existsSync(unused)], [true, true])
  assert.equal((await run(['gc'], options)).code, 0)
  assert.deepEqual([existsSync(mounted), existsSync(unused)], [true, false])
  assert.equal(await docker(['exec', name, 'cat', '/app/models/model.txt']), 'one')
})

test('trees that no container has mounted go a day after their last use', async (t) => {
  const root = await temporaryDirectory(t)
  const now = Date.now()
  const trees = ['a/new', 'a/mounted', 'a/old', 'b/older', 'b/used'].map((name) => join(root, name))
  for (const tree of trees) await writeFiles(tree, { 'model.txt': 'x' })
  const [, mounted = '', old = '', older = ''] = trees
  for (const tree of [mounted, old, older]) await utimes(tree, now / 1000 - 90_000, now / 1000 - 90_000)
  await removeUnusedTrees([root, join(root, 'absent')], { mounted: new Set([mounted]), now })
  assert.deepEqual(await readdir(join(root, 'a')), ['mounted', 'new'])
  assert.deepEqual(await readdir(join(root, 'b')), ['used'])
})
