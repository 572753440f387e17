import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CheckResult } from '../../src/workflows/check-target.ts'
import type { MountResult } from '../../src/workflows/mount.ts'
import type { Move } from '../../src/workflows/moves.ts'
import type { RollbackResult } from '../../src/workflows/rollback.ts'
import type { UnmountResult } from '../../src/workflows/unmount.ts'
import { ask, run, start } from '../fixtures/command.ts'
import { busyboxImage, docker, engineMissing, uniqueName } from '../fixtures/engine.ts'
import { overNetwork } from '../fixtures/over-network.ts'
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

/** What `history` of a volume tells: numbers, and what moved it there. */
async function movesOf({ volume, options }: Place): Promise<readonly (readonly unknown[])[]> {
  const moves = await ask<readonly Move[]>(['history', `volume:${volume}`], options)
  return moves.map(({ number, by }) => [number, by])
}

for (const way of ['direct', 'helper'] as const) {
  test(`${way}: a volume's history, its rollback under a running container, and its unmount after that`, {
    skip,
  }, async (t) => {
    const here = await place(t, way)
    const { options, volume, add } = here
    const operand = `volume:${volume}`
    await add('one')
    await ask(['mount', 'sentiment:prod', operand], options)
    const name = await container(t, volume)
    const words = (): Promise<string> => docker(['exec', name, 'cat', '/app/models/vocab/words.txt'])
    assert.equal((await run(['rollback', operand], options)).code, 5)
    await add('two')
    await ask(['mount', 'sentiment:prod', operand, '--replace'], options)
    const back = await ask<RollbackResult>(['rollback', operand], options)
    assert.deepEqual([back.ref, back.number, back.warnings], [operand, 1, []])
    assert.equal(await words(), 'words one')
    assert.deepEqual(await movesOf(here), [
      [1, 'mount'],
      [2, 'mount'],
      [1, 'rollback'],
    ])
    await ask(['rollback', operand], options)
    assert.equal(await words(), 'words two')

    const inUse = await run(['unmount', operand], options)
    assert.equal(inUse.code, 5, inUse.stderr)
    assert.match(
      inUse.stderr,
      new RegExp(`a running container has the volume ${volume}: ${name}\n.*docker stop ${name}`),
    )
    assert.equal(await words(), 'words two')
    await docker(['exec', name, 'touch', '/app/models/own.txt'])
    await docker(['stop', '-t', '0', name])
    const unmounted = await run(['unmount', operand, '--json'], options)
    assert.equal(unmounted.code, 0, unmounted.stderr)
    assert.deepEqual(JSON.parse(unmounted.stdout) as UnmountResult, { target: operand, kept: ['own.txt'] })
    assert.match(unmounted.stderr, new RegExp(`docker volume rm ${volume}`))
    await docker(['start', name])
    assert.equal(await docker(['exec', name, 'ls', '-A', '/app/models']), 'own.txt')
    await docker(['stop', '-t', '0', name])
    for (const verb of ['unmount', 'rollback', 'history']) {
      assert.equal((await run([verb, operand], options)).code, 3, verb)
    }
  })

  test(`${way}: a following volume that was rolled back follows on`, { skip }, async (t) => {
    const here = await place(t, way)
    const { options, volume, add } = here
    const mount = ['mount', 'sentiment:prod', `volume:${volume}`, '--follow', '--once']
    for (const version of ['one', 'two']) {
      await add(version)
      await ask(mount, options)
    }
    const back = await ask<RollbackResult>(['rollback', `volume:${volume}`], options)
    assert.equal(back.number, 1)
    assert.match(back.warnings.join('\n'), /ballast rollback sentiment:prod/)
    const name = await container(t, volume)
    const words = (): Promise<string> =>
      docker(['exec', name, 'cat', '/app/models/sentiment/vocab/words.txt'])
    assert.equal(await words(), 'words one')
    await add('three')
    await ask(mount, options)
    assert.equal(await words(), 'words three')
  })

  test(`${way}: a link that is ahead of the state after a kill is known, and recorded by the next delivery`, {
    skip,
  }, async (t) => {
    const here = await place(t, way)
    const { options, volume, add } = here
    const mount = ['mount', 'sentiment:prod', `volume:${volume}`, '--replace']
    const state = '/app/models/.ballast/state.json'
    await add('one')
    await ask(mount, options)
    const name = await container(t, volume)
    await docker(['exec', name, 'cp', state, '/tmp/state.json'])
    await add('two')
    await ask(mount, options)
    await docker(['exec', name, 'cp', '/tmp/state.json', state])
    const recorded = [
      [1, 'mount'],
      [2, 'unrecorded'],
    ]
    assert.deepEqual(await movesOf(here), recorded)
    await add('three')
    await ask(mount, options)
    assert.deepEqual(await movesOf(here), [...recorded, [3, 'mount']])

    const lost = [`echo '{"version":1,"models":{}}' > ${state}`, `rm ${state}`]
    for (const script of lost) {
      await docker(['exec', name, 'sh', '-c', script])
      for (const operand of [`container:${name}`, `volume:${volume}`]) {
        const [found] = await ask<readonly CheckResult[]>(['check', operand], options)
        assert.deepEqual([found?.version, found?.faults], ['sentiment:3', []], `${operand} after ${script}`)
      }
      assert.deepEqual(await movesOf(here), [[3, 'unrecorded']])
    }
    await ask(mount, options)
    assert.deepEqual(await movesOf(here), [[3, 'unrecorded']])
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
