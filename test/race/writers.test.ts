import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ask, type Ran, run } from '../fixtures/command.ts'
import { createRandom } from '../fixtures/random.ts'
import { filesOf, leftoversIn } from '../fixtures/store-facts.ts'
import { assertSound } from './sound.ts'
import { createWorld, type World, writeFiles, writeModel } from './world.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

interface Version {
  readonly ref: string
  readonly digest: string
}

async function worldFor(t: TestContext): Promise<World> {
  t.diagnostic(`seed ${SEED}`)
  const world = await createWorld()
  t.after(world.clear)
  return world
}

/** All at once, as real processes; each must succeed. */
async function together(world: World, commands: readonly (readonly string[])[]): Promise<readonly Ran[]> {
  const ran = await Promise.all(commands.map((args) => run([...args, '--json'], { store: world.store })))
  for (const [at, { code, signal, stdout, stderr }] of ran.entries()) {
    assert.equal(code, 0, `${commands[at]?.join(' ')}: ${signal} ${stdout}${stderr}`)
  }
  return ran
}

function answers<T>(ran: readonly Ran[]): readonly T[] {
  return ran.map(({ stdout }) => JSON.parse(stdout) as T)
}

test('32 processes that move one tag: no move is lost, and the index agrees in the end', async (t) => {
  const world = await worldFor(t)
  const random = createRandom(SEED)
  const source = world.fresh('source')
  for (const version of [1, 2, 3, 4]) {
    await writeFiles(source, { 'weights.bin': random.bytes(1000), 'config.json': `{"version":${version}}` })
    await world.add('sentiment', source)
  }
  const commands = Array.from({ length: 32 }, () => ['tag', `sentiment:${1 + random.below(4)}`, 'prod'])
  const moved = answers<{ number: number; moved: boolean }>(await together(world, commands))
    .filter((result) => result.moved)
    .map(({ number }) => number)
  const history = await ask<readonly { number: number; by: string }[]>(['history', 'sentiment:prod'], world)
  assert.deepEqual(history.map(({ number }) => number).sort(), [...moved].sort())
  t.diagnostic(`${moved.length} of 32 moved it; the others found it there`)
  await assertSound(world.store)
  const shown = await ask<{ number: number }>(['show', 'sentiment:prod'], world)
  assert.equal(shown.number, history.at(-1)?.number)
})

test('processes that add to one model: numbers without gaps, one number for the same bytes', async (t) => {
  const world = await worldFor(t)
  const random = createRandom(SEED)
  const different = await Promise.all(
    Array.from({ length: 6 }, () => writeModel(world.fresh('source'), random)),
  )
  const same = await writeModel(world.fresh('source'), random)
  const sources = [...different, same, same, same, same]
  const added = answers<Version & { isNew: boolean }>(
    await together(
      world,
      sources.map(({ directory }) => ['add', 'sentiment', directory]),
    ),
  )
  const listed = await ask<readonly Version[]>(['list', 'sentiment'], world)
  assert.deepEqual(
    listed.map(({ ref }) => ref),
    [1, 2, 3, 4, 5, 6, 7].map((number) => `sentiment:${number}`),
  )
  assert.equal(new Set(listed.map(({ digest }) => digest)).size, 7)
  assert.equal(new Set(added.slice(6).map(({ ref }) => ref)).size, 1)
  for (const { ref, digest } of added)
    assert.equal(listed.find((version) => version.ref === ref)?.digest, digest)
  await assertSound(world.store)
})

test('processes that claim one number: one of them gets it, the others are told which is free', async (t) => {
  const world = await worldFor(t)
  const random = createRandom(SEED)
  const models = await Promise.all(Array.from({ length: 4 }, () => writeModel(world.fresh('source'), random)))
  const ran = await Promise.all(
    models.map(({ directory }) => run(['add', 'sentiment:9', directory], { store: world.store })),
  )
  assert.deepEqual(ran.map(({ code }) => code).sort(), [0, 5, 5, 5])
  for (const { code, stderr } of ran) if (code === 5) assert.match(stderr, /next free number is 10/)
  await assertSound(world.store)
})

test('processes that follow into one target leave it whole, with what the tag pointed to last', async (t) => {
  const world = await worldFor(t)
  const random = createRandom(SEED)
  const target = world.fresh('target')
  for (let round = 0; round < 3; round++) {
    const model = await writeModel(world.fresh('source'), random)
    await world.add('sentiment', model.directory)
    await together(
      world,
      Array.from({ length: 8 }, () => ['mount', 'sentiment', target, '--follow', '--once']),
    )
    const files = await filesOf(join(target, await readlink(join(target, 'sentiment'))))
    assert.deepEqual(files, model.files)
    await rm(model.directory, { recursive: true })
  }
  const checked = await run(['check', '--full', target])
  assert.equal(checked.code, 0, checked.stdout)
  const history = await ask<readonly { number: number }[]>(['history', target], world)
  assert.deepEqual(
    history.map(({ number }) => number),
    [1, 2, 3],
  )
  assert.deepEqual(await leftoversIn(target), [])
})
