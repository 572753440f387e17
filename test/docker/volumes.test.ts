import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MountResult } from '../../src/workflows/mount.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

const skip = engineMissing()

interface Place {
  readonly options: { readonly store: string; readonly env: Readonly<Record<string, string>> }
  readonly volume: string
  readonly add: (version: string, reference?: string) => Promise<void>
}

/** `direct`: on the volume's own directory; `helper`: as with an Engine on another host. */
async function place(t: TestContext, way: 'direct' | 'helper'): Promise<Place> {
  const directory = await temporaryDirectory(t)
  const store = join(directory, 'store')
  const volume = uniqueName('ballast-test')
  t.after(() => removeVolume(volume))
  const env: Record<string, string> = way === 'direct' ? {} : { DOCKER_HOST: await overNetwork(t) }
  return {
    options: { store, env },
    volume,
    async add(version, reference = 'sentiment:prod') {
      const files = { 'model.bin': `model ${version}`.repeat(5000), 'vocab/words.txt': `words ${version}` }
      await writeFiles(join(directory, version), files)
      await ask(['add', reference, join(directory, version)], { store })
    },
  }
}

/** With the containers that use it. */
async function removeVolume(name: string): Promise<void> {
  const users = await docker(['ps', '-aq', '--filter', `volume=${name}`])
  if (users !== '') await docker(['rm', '-f', ...users.split('\n')])
  await docker(['volume', 'rm', '-f', name])
}

/** The machine's Engine as one that is spoken to over a network, whose directories are out of reach. */
async function overNetwork(t: TestContext): Promise<string> {
  const server = createServer((client) => {
    const engine = connect('/var/run/docker.sock')
    client.on('error', () => engine.destroy()).on('close', () => engine.destroy())
    engine.on('error', () => client.destroy()).on('close', () => client.destroy())
    client.pipe(engine).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  return `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

/** A container of a model-free image that has the volume at /app/models. */
async function container(t: TestContext, volume: string, more: readonly string[] = []): Promise<string> {
  const image = await busyboxImage(t)
  const name = uniqueName('ballast-test')
  await docker(['run', '-d', '--name', name, '-v', `${volume}:/app/models`, ...more, image, 'sleep', '600'])
  t.after(() => docker(['rm', '-f', name]))
  return name
}

for (const way of ['direct', 'helper'] as const) {
  test(`${way}: a container finds the files at the volume's root, and --replace changes them under it`, {
    skip,
  }, async (t) => {
    const { options, volume, add } = await place(t, way)
    await add('one')
    const mounted = await ask<MountResult>(['mount', 'sentiment:prod', `volume:${volume}`], options)
    assert.deepEqual([mounted.how, mounted.mountAt, mounted.path], ['delivered', 'path', ''])
    const label = await docker([
      'volume',
      'inspect',
      '--format',
      '{{index .Labels "dev.ballast.model"}}',
      volume,
    ])
    assert.equal(label, 'sentiment')
    const name = await container(t, volume, ['--user', '1000'])
    const words = (): Promise<string> => docker(['exec', name, 'cat', '/app/models/vocab/words.txt'])
    assert.equal(await words(), 'words one')
    assert.match(await docker(['exec', name, 'head', '-c', '9', '/app/models/model.bin']), /model one/)
    const again = await ask<MountResult>(['mount', 'sentiment:prod', `volume:${volume}`], options)
    assert.deepEqual([again.how, again.bytesCopied], ['unchanged', 0])
    await add('two')
    const refused = await run(['mount', 'sentiment:prod', `volume:${volume}`], options)
    assert.equal(refused.code, 5, refused.stderr)
    assert.match(refused.stderr, /--replace/)
    assert.equal(await words(), 'words one')
    await ask(['mount', 'sentiment:prod', `volume:${volume}`, '--replace'], options)
    assert.equal(await words(), 'words two')
    const left = await docker(['exec', name, 'ls', '-A', '/app/models/.ballast'])
    assert.doesNotMatch(left, /incoming|link-/)
  })

  test(`${way}: a running container sees a following volume move with its tag`, { skip }, async (t) => {
    const { options, volume, add } = await place(t, way)
    await add('one')
    const following = start(['mount', 'sentiment:prod', `volume:${volume}`, '--follow', '--json'], options)
    t.after(() => following.kill())
    await seen(() => following.stdout().includes('"delivered"'))
    const name = await container(t, volume)
    const words = (): Promise<string> =>
      docker(['exec', name, 'cat', '/app/models/sentiment/vocab/words.txt'])
    assert.equal(await words(), 'words one')
    await add('two')
    await seen(async () => (await words()) === 'words two')
    process.kill(following.child.pid ?? 0, 'SIGTERM')
    assert.equal((await following.ended).code, 0)
  })

  test(`${way}: kill -9 in the middle leaves the former version whole, and the next mount succeeds`, {
    skip,
  }, async (t) => {
    const { options, volume, add } = await place(t, way)
    await add('one')
    await ask(['mount', 'sentiment:prod', `volume:${volume}`], options)
    const name = await container(t, volume)
    await add('two')
    const whole = ['model oneone', 'model twotwo']
    const first = 'head -c 9 /app/models/model.bin; tail -c 3 /app/models/vocab/words.txt'
    for (const ms of [300, 700, 1100, 1600]) {
      const killed = start(['mount', 'sentiment:prod', `volume:${volume}`, '--replace'], options)
      await sleep(ms)
      killed.kill()
      await killed.ended
      const text = await docker(['exec', name, 'sh', '-c', first])
      assert.ok(whole.includes(text), `after ${ms} ms: ${text}`)
    }
    await ask(['mount', 'sentiment:prod', `volume:${volume}`, '--replace'], options)
    assert.equal(await docker(['exec', name, 'sh', '-c', first]), 'model twotwo')
    const left = await docker(['exec', name, 'ls', '-A', '/app/models/.ballast'])
    assert.doesNotMatch(left, /incoming|link-/)
    const helpers = await docker([
      'ps',
      '-a',
      '--filter',
      'label=dev.ballast.helper',
      '--format',
      '{{.Names}}',
    ])
    assert.equal(helpers.includes(`-${process.pid}-`), false)
  })
}

async function seen(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 2400; attempt++) {
    if (await condition()) return
    await sleep(100)
  }
  assert.fail('it did not come about within four minutes')
}

test('what is delivered directly is recognised by the helper, and the other way round', {
  skip,
}, async (t) => {
  const direct = await place(t, 'direct')
  const env = { DOCKER_HOST: await overNetwork(t) }
  await direct.add('one')
  const args = ['mount', 'sentiment:prod', `volume:${direct.volume}`]
  await ask(args, direct.options)
  const byHelper = await ask<MountResult>(args, { ...direct.options, env })
  assert.equal(byHelper.how, 'unchanged')
  await direct.add('two')
  await ask([...args, '--replace'], { ...direct.options, env })
  assert.equal((await ask<MountResult>(args, direct.options)).how, 'unchanged')
})

test('root in a container may spoil its volume, and neither the store nor another volume', {
  skip,
}, async (t) => {
  const { options, volume, add } = await place(t, 'direct')
  const other = uniqueName('ballast-test')
  t.after(() => removeVolume(other))
  await add('one')
  for (const name of [volume, other]) await ask(['mount', 'sentiment:prod', `volume:${name}`], options)
  const bad = await container(t, volume)
  const good = await container(t, other)
  const spoil =
    'cd /app/models; for f in $(find . -type f); do echo bad > $f; done; rm -rf /app/models/* /app/models/.ballast'
  await docker(['exec', bad, 'sh', '-c', spoil])
  assert.equal(await docker(['exec', good, 'cat', '/app/models/vocab/words.txt']), 'words one')
  assert.equal((await run(['verify'], options)).code, 0)
})

test('a volume that Docker has filled from an image is not written to, and it is said why', {
  skip,
}, async (t) => {
  const { options, volume, add } = await place(t, 'direct')
  const image = await busyboxImage(t)
  await docker(['run', '--rm', '-v', `${volume}:/bin`, image, 'true'])
  await add('one')
  const ran = await run(['mount', 'sentiment:prod', `volume:${volume}`], options)
  assert.equal(ran.code, 5, ran.stderr)
  assert.match(ran.stderr, /Docker filled it from an image.*\n.*ballast capture volume:/)
})

test('an empty volume that Ballast made is not filled from the image', { skip }, async (t) => {
  const { options, volume, add } = await place(t, 'direct')
  await add('one')
  await ask(['mount', 'sentiment:prod', `volume:${volume}`], options)
  const image = await busyboxImage(t)
  const found = await docker(['create', '-v', `${volume}:/app`, image])
  t.after(() => docker(['rm', '-f', found]))
  const name = await container(t, volume)
  assert.equal(await docker(['exec', name, 'ls', '/app/models']), 'model.bin\nsentiment\nvocab')
})

test('a volume in memory, a name that cannot be, and a model that is not there are refused before anything is made', {
  skip,
}, async (t) => {
  const { options, volume, add } = await place(t, 'direct')
  await add('one')
  await docker(['volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', volume])
  const memory = await run(['mount', 'sentiment:prod', `volume:${volume}`], options)
  assert.equal(memory.code, 4)
  assert.match(memory.stderr, /is a tmpfs/)
  assert.equal((await run(['mount', 'sentiment:prod', 'volume:a/b'], options)).code, 2)
  const absent = uniqueName('ballast-test')
  assert.equal((await run(['mount', 'nothing:prod', `volume:${absent}`], options)).code, 3)
  assert.equal(await docker(['volume', 'ls', '-q', '--filter', `name=${absent}`]), '')
})
