import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { createWorld, type World, writeFiles, writeModel } from '../race/world.ts'
import { type Kind, kindOf, meaningOf, type Places } from './meaning.ts'
import { publications, violationsOf } from './rules.ts'
import { type Event, type Traced, trace } from './trace.ts'

/**
 * For every kind of write, the system calls of the real command are recorded, and hold the order of docs/design.md:
 * data, then name, then directory, and only then what refers to it.
 */
const options = { skip: missingParts('strace'), timeout: 120_000 }

const random = createRandom('order')

async function worldFor(t: TestContext): Promise<World> {
  const world = await createWorld()
  t.after(world.clear)
  return world
}

interface Recording extends Places {
  readonly world: World
  /** What is done while it runs; a command that does not end by itself is stopped then. */
  readonly meanwhile?: (traced: Traced) => Promise<void>
}

/** The kinds of names that the command made, in their order, and each run of one kind once. */
async function record(
  t: TestContext,
  args: readonly string[],
  { world, meanwhile, ...places }: Recording,
): Promise<readonly Kind[]> {
  const after = await meaningOf(places)
  const traced = trace(t, args, { file: `${world.fresh('trace')}.txt`, store: places.store ?? world.store })
  await meanwhile?.(traced)
  const events = await traced.ended
  const meaning = await after()
  assert.deepEqual(violationsOf(events, meaning), [])
  const kinds = publications(events, meaning).map((path) => kindOf(path, meaning))
  const runs = kinds.filter((kind, at) => kind !== 'directory' && kind !== kinds[at - 1])
  t.diagnostic(`${args[0]}: ${runs.join(', ')} (${syncsOf(events)} syncs)`)
  return runs
}

function syncsOf(events: readonly Event[]): number {
  return events.filter(({ kind }) => kind === 'sync').length
}

async function addNew(world: World, name: string): Promise<void> {
  const { directory } = await writeModel(world.fresh('source'), random)
  await world.add(name, directory)
}

test('order of writes: every kind of write, as strace records it', options, async (t) => {
  await t.test('add, which makes the store', async (t) => {
    const world = await worldFor(t)
    const { directory } = await writeModel(world.fresh('source'), random)
    const made = await record(t, ['add', 'sentiment', directory], { world, store: world.store })
    assert.deepEqual(made, [
      ...['format', 'index', 'format'],
      ...['blob', 'manifest', 'number', 'tag', 'index'],
    ])
  })

  await t.test('add of one file that is new, and of the same again', async (t) => {
    const world = await worldFor(t)
    await addNew(world, 'other')
    const source = world.fresh('source')
    await writeFiles(source, { 'model.bin': random.bytes(5000) })
    const file = join(source, 'model.bin')
    const made = await record(t, ['add', 'sentiment', file], { world, store: world.store })
    assert.deepEqual(made, ['blob', 'manifest', 'number', 'tag', 'index'])
    const again = await record(t, ['add', 'sentiment', file], { world, store: world.store })
    assert.deepEqual(again, [])
    const asOther = await record(t, ['add', 'renamed:prod', file], { world, store: world.store })
    assert.deepEqual(asOther, ['number', 'tag', 'index'])
  })

  await t.test('tag, rollback, remove and gc', async (t) => {
    const world = await worldFor(t)
    await addNew(world, 'sentiment')
    await addNew(world, 'sentiment')
    const { store } = world
    assert.deepEqual(await record(t, ['tag', 'sentiment:1', 'prod'], { world, store }), ['tag', 'index'])
    assert.deepEqual(await record(t, ['tag', 'sentiment:2', 'prod'], { world, store }), ['tag', 'index'])
    assert.deepEqual(await record(t, ['rollback', 'sentiment:prod'], { world, store }), ['tag', 'index'])
    const removed = await record(t, ['remove', 'sentiment:1', '--force'], { world, store })
    assert.deepEqual(removed, ['tag', 'number', 'index'])
    assert.deepEqual(await record(t, ['gc'], { world, store }), [])
  })

  await t.test('gc of images: what refers goes before what it refers to', async (t) => {
    const world = await worldFor(t)
    const { store } = world
    await pushImage(t, world, 'served')
    await world.removeModel('served')
    await record(t, ['gc'], { world, store })
  })

  await t.test('embed into a layout, new and again', async (t) => {
    const world = await worldFor(t)
    const { store } = world
    await addNew(world, 'sentiment')
    const base = await baseLayout(world)
    const layout = world.fresh('result')
    const args = ['embed', 'sentiment=/app/models', `oci:${base}:base`, '-t', `oci:${layout}:out`]
    const made = await record(t, args, { world, store, layout })
    assert.deepEqual(made.slice(0, 2), ['index', 'format'])
    assert.deepEqual(made.slice(2).sort(), ['blob', 'cache', 'derived', 'index', 'manifest'])
    assert.deepEqual(made.slice(-3), ['blob', 'manifest', 'index'])
    await addNew(world, 'sentiment')
    const again = await record(t, args, { world, store, layout })
    // The former image's tag, before the new image takes the place.
    assert.deepEqual(again, ['derived', 'blob', 'index', 'manifest', 'index'])
  })

  await t.test("embed into the store's own registry, as the registry writes it", async (t) => {
    const world = await worldFor(t)
    const { store } = world
    await addNew(world, 'sentiment')
    const base = await baseLayout(world)
    // The command that embeds derives the layers, before it pushes.
    const embed = ['embed', 'sentiment=/app/models', `oci:${base}:base`, '-t']
    await record(t, [...embed, `oci:${world.fresh('result')}:out`], { world, store })
    const made = await record(t, ['serve', '--registry', '--listen', '127.0.0.1:0', '--json'], {
      world,
      store,
      meanwhile: async (traced) => {
        const image = `${await hostOf(traced)}/app:out`
        await trace(t, [...embed, image], { file: `${world.fresh('trace')}.txt`, store }).ended
        traced.stop()
      },
    })
    assert.deepEqual(made, ['blob', 'manifest', 'tag'])
  })

  await t.test('mount: pinned, another version in its place', async (t) => {
    const world = await worldFor(t)
    await addNew(world, 'sentiment')
    await addNew(world, 'sentiment')
    const { store } = world
    const mounts = world.fresh('mounts')
    const target = join(mounts, 'target')
    await mkdir(mounts)
    assert.deepEqual(await record(t, ['mount', 'sentiment:1', target], { world, store, mounts }), ['tree'])
    const replaced = await record(t, ['mount', 'sentiment:2', target, '--replace'], { world, store, mounts })
    assert.deepEqual(replaced, ['tree'])
  })

  await t.test('mount: following, first and swap', async (t) => {
    const world = await worldFor(t)
    const { store } = world
    const mounts = world.fresh('mounts')
    await mkdir(mounts)
    const target = join(mounts, 'following')
    for (const weights of [1, 2, 3]) {
      const source = world.fresh('source')
      await writeFiles(source, { 'model.bin': random.bytes(3000 + weights) })
      await world.add('sentiment', source)
      const args = ['mount', 'sentiment', target, '--follow', '--once']
      const made = await record(t, args, { world, store, mounts })
      assert.deepEqual(made, [...(weights === 1 ? ['state'] : []), 'tree', 'link', 'state'])
    }
  })
})

async function baseLayout(world: World): Promise<string> {
  const layout = world.fresh('base')
  await writeImageLayout(layout, {
    tag: 'base',
    layers: [[{ path: 'app/' }, { path: 'app/server.py', text: 'print("serving")\n' }]],
  })
  return layout
}

/** The model's image in the store's own registry, and its tag removed again. */
async function pushImage(t: TestContext, world: World, name: string): Promise<void> {
  await addNew(world, name)
  const base = await baseLayout(world)
  const file = `${world.fresh('trace')}.txt`
  const served = trace(t, ['serve', '--registry', '--listen', '127.0.0.1:0', '--json'], {
    file,
    store: world.store,
  })
  const host = await hostOf(served)
  const args = ['embed', name, `oci:${base}:base`, '-t', `${host}/app:out`]
  await trace(t, args, { file: `${world.fresh('trace')}.txt`, store: world.store }).ended
  const deleted = await fetch(`http://${host}/v2/app/manifests/out`, { method: 'DELETE' })
  assert.equal(deleted.status, 202)
  served.stop()
  await served.ended
}

async function hostOf({ stdout, ended }: Traced): Promise<string> {
  let isOver = false
  ended.then(
    () => (isOver = true),
    () => (isOver = true),
  )
  while (!stdout().includes('\n') && !isOver) await new Promise((resolve) => setTimeout(resolve, 20))
  return new URL((JSON.parse(stdout().split('\n')[0] ?? '') as { url: string }).url).host
}
