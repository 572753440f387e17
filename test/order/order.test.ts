import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeImageLayout } from '../fixtures/image-layout.ts'
import { missingParts } from '../fixtures/parts.ts'
import { createRandom } from '../fixtures/random.ts'
import { filesOf } from '../fixtures/store-facts.ts'
import { createWorld, type World, writeFiles, writeModel } from '../race/world.ts'
import { type Kind, kindOf, meaningOf, type Places } from './meaning.ts'
import { publications, violationsOf } from './rules.ts'
import { type Event, type Traced, trace } from './trace.ts'

/**
 * For every kind of write, the system calls of the real command are recorded, and hold the order of docs/design.md:
 * data, then name, then directory, and only then what refers to it.
 */
const options = { skip: missingParts('strace'), timeout: 240_000 }

const random = createRandom('order')

/** The description of a version is attached to it before its number leads to it. */
const ADDED: readonly Kind[] = ['blob', 'manifest', 'blob', 'manifest', 'untagged', 'number', 'tag', 'index']

async function worldFor(t: TestContext): Promise<World> {
  const world = await createWorld()
  t.after(world.clear)
  return world
}

interface Recording extends Places {
  readonly world: World
  /** Blobs that another command has just named, and not yet synced. */
  readonly isJustNamed?: boolean
  /** What is done while it runs; a command that does not end by itself is stopped then. */
  readonly meanwhile?: (traced: Traced) => Promise<void>
}

/** The kinds of names that the command made, in their order, and each run of one kind once. */
async function record(
  t: TestContext,
  args: readonly string[],
  { world, meanwhile, isJustNamed = false, ...places }: Recording,
): Promise<readonly Kind[]> {
  const after = await meaningOf(places)
  const named = isJustNamed ? await namesOfBlobs(world.store) : []
  const given = [...(await writtenBefore(places.moved)), ...named]
  const traced = trace(t, args, { file: `${world.fresh('trace')}.txt`, store: places.store ?? world.store })
  await meanwhile?.(traced)
  const events = [...given, ...(await traced.ended)]
  const meaning = await after()
  assert.deepEqual(violationsOf(events, meaning), [])
  const kinds = publications(events.slice(given.length), meaning).map((path) => kindOf(path, meaning))
  const runs = kinds.filter((kind, at) => kind !== 'directory' && kind !== kinds[at - 1])
  t.diagnostic(`${args[0]}: ${runs.join(', ')} (${syncsOf(events)} syncs)`)
  // What a step took is remembered when all is done, and nothing depends on it.
  return runs.at(-1) === 'cache' ? runs.slice(0, -1) : runs
}

/** What somebody has just written to a source need not be on the disk yet. */
async function writtenBefore(directory: string | undefined): Promise<readonly Event[]> {
  const files = directory === undefined ? {} : await filesOf(directory)
  return Object.keys(files).map((path) => ({
    kind: 'write',
    path: join(directory ?? '', path),
    start: -2,
    end: -1,
  }))
}

/** Manifests come first, so that they are not held against the rest. */
async function namesOfBlobs(store: string): Promise<readonly Event[]> {
  const directory = join(store, 'blobs', 'sha256')
  const names = await readdir(directory)
  const manifests = names.filter((name) => readFileSync(join(directory, name)).includes('"layers"'))
  return [...manifests, ...names.filter((name) => !manifests.includes(name))].map((name, at) => ({
    kind: 'link',
    from: join('/', 'elsewhere', name),
    path: join(directory, name),
    start: at - names.length - 3,
    end: -1,
  }))
}

function syncsOf(events: readonly Event[]): number {
  return events.filter(({ kind }) => kind === 'sync').length
}

async function addNew(world: World, name: string): Promise<void> {
  const { directory } = await writeModel(world.fresh('source'), random)
  await world.add(name, directory)
}

test('order of writes: add, which makes the store', options, async (t) => {
  const world = await worldFor(t)
  const { directory } = await writeModel(world.fresh('source'), random)
  const made = await record(t, ['add', 'sentiment', directory], { world, store: world.store })
  assert.deepEqual(made, [...['format', 'index', 'format'], ...ADDED])
})

test('order of writes: add of one file that is new, and of the same again', options, async (t) => {
  const world = await worldFor(t)
  await addNew(world, 'other')
  const source = world.fresh('source')
  await writeFiles(source, { 'model.bin': random.bytes(5000) })
  const file = join(source, 'model.bin')
  const made = await record(t, ['add', 'sentiment', file], { world, store: world.store })
  assert.deepEqual(made, ADDED)
  const again = await record(t, ['add', 'sentiment', file], { world, store: world.store })
  assert.deepEqual(again, [])
  const other = ['add', 'renamed:prod', file]
  const asOther = await record(t, other, { world, store: world.store, isJustNamed: true })
  assert.deepEqual(asOther, ['untagged', 'number', 'tag', 'index'])
})

test('order of writes: add --move, to new blobs and to such as are there', options, async (t) => {
  const world = await worldFor(t)
  const { store } = world
  await addNew(world, 'other')
  const { directory: moved, files } = await writeModel(world.fresh('source'), random)
  const kept = world.fresh('kept')
  await cp(moved, kept, { recursive: true })
  const made = await record(t, ['add', 'sentiment', moved, '--move'], { world, store, moved })
  assert.deepEqual(made, ADDED)
  assert.deepEqual(await filesOf(moved), {})
  assert.deepEqual(await filesOf(kept), files)
  const args = ['add', 'renamed:prod', kept, '--move']
  assert.deepEqual(await record(t, args, { world, store, moved: kept }), [
    'untagged',
    'number',
    'tag',
    'index',
  ])
  assert.deepEqual(await filesOf(kept), {})
})

test('order of writes: add of so many files that they share packs', options, async (t) => {
  const world = await worldFor(t)
  const { store } = world
  await addNew(world, 'other')
  const source = world.fresh('source')
  const small = Array.from({ length: 2001 }, (_, index) => [`part/${index}.txt`, `${index}`] as const)
  await writeFiles(source, { ...Object.fromEntries(small), 'weights.bin': random.bytes(2 << 20) })
  const made = await record(t, ['add', 'sentiment', source], { world, store })
  assert.deepEqual(made.slice(-4), ['untagged', 'number', 'tag', 'index'])
  assert.deepEqual([...new Set(made.slice(0, -4))].sort(), ['blob', 'cache', 'manifest'])
  await writeFiles(source, { 'part/7.txt': 'changed' })
  const changed = await record(t, ['add', 'sentiment', source, '--move'], { world, store, moved: source })
  assert.deepEqual(changed.slice(-4), ['untagged', 'number', 'tag', 'index'])
  assert.deepEqual(await filesOf(source), {})
})

test('order of writes: tag, rollback, remove and gc', options, async (t) => {
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

test('order of writes: gc of images: what refers goes before what it refers to', options, async (t) => {
  const world = await worldFor(t)
  const { store } = world
  await pushImage(t, world, 'served')
  await world.removeModel('served')
  await record(t, ['gc'], { world, store })
})

test('order of writes: embed into a layout, new and again', options, async (t) => {
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

test(
  "order of writes: embed into the store's own registry, as the registry writes it",
  options,
  async (t) => {
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
  },
)

test('order of writes: mount: pinned, another version in its place', options, async (t) => {
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

test('order of writes: mount: following, first and swap', options, async (t) => {
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
