import assert from 'node:assert/strict'
import { lstat, readlink, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ServerLayout } from '../../src/model/index.ts'
import { type RunOptions, run } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { type Files, filesOf, leftoversIn } from '../fixtures/store-facts.ts'
import { type Model, type World, writeCrumbs, writeModel } from './world.ts'

/** One command that is going to be killed, and what must hold around it. */
export interface Attempt {
  readonly args: readonly string[]
  /** Where its effects are looked at; the world's own store by default. */
  readonly store?: string
  /** What it writes to beside the store; nothing half-written may be left there when it has been repeated. */
  readonly place?: string
  /** Right after the kill, beside what holds for every store. */
  readonly whole: () => Promise<void>
  /** After the same command has been run again, to its end. */
  readonly done: () => Promise<void>
  /** Removes what the next attempt does not need. */
  readonly clear: () => Promise<void>
}

export interface Phase {
  readonly name: string
  /** How many of the kills it gets, against the others. */
  readonly weight: number
  readonly prepare: (world: World, random: Random) => Promise<Attempt>
}

const nothing = async (): Promise<void> => undefined

export const PHASES: readonly Phase[] = [
  {
    name: 'add, first of a store',
    weight: 2,
    async prepare(world, random) {
      const model = await writeModel(world.fresh('source'), random)
      const store = world.fresh('first-store')
      return {
        args: ['add', 'first', model.directory],
        store,
        whole: nothing,
        done: () => assertStored(store, 'first:1', model),
        clear: async () => {
          await rm(store, { recursive: true })
          await rm(model.directory, { recursive: true })
        },
      }
    },
  },
  {
    name: 'add',
    weight: 3,
    async prepare(world, random) {
      const model = await writeModel(world.fresh('source'), random)
      return {
        args: ['add', 'sentiment:prod', model.directory],
        whole: nothing,
        done: () => assertStored(world.store, 'sentiment:prod', model),
        clear: async () => {
          await rm(model.directory, { recursive: true })
          // Every other time its bytes stay, so that the next attempt finds a model with versions.
          if (random.below(2) === 0) await world.removeModel('sentiment')
        },
      }
    },
  },
  {
    name: 'mount, pinned',
    weight: 2,
    async prepare(world, random) {
      const { ref, model } = await addNew(world, random, 'pinned')
      const target = join(world.fresh('mounts'), 'target')
      return {
        args: ['mount', ref, target],
        place: dirname(target),
        whole: async () => {
          if (await exists(target)) await assertMounted(target, [model])
        },
        done: () => assertMounted(target, [model]),
        clear: async () => {
          await rm(dirname(target), { recursive: true })
          await removeAll(world, model, 'pinned')
        },
      }
    },
  },
  {
    name: 'mount --replace',
    weight: 2,
    async prepare(world, random) {
      const former = await addNew(world, random, 'replaced')
      const next = await addNew(world, random, 'replaced')
      const target = join(world.fresh('mounts'), 'target')
      await world.mount(former.ref, target)
      return {
        args: ['mount', next.ref, target, '--replace'],
        place: dirname(target),
        whole: async () => {
          // Between its two renames there is no directory; then the former one must stand beside it, whole.
          if (await exists(target)) await assertMounted(target, [former.model, next.model])
          else await assertSetAside(target, former.model)
        },
        done: () => assertMounted(target, [next.model]),
        clear: async () => {
          await rm(dirname(target), { recursive: true })
          await rm(former.model.directory, { recursive: true })
          await removeAll(world, next.model, 'replaced')
        },
      }
    },
  },
  {
    name: 'mount --follow --once',
    weight: 3,
    async prepare(world, random) {
      const other = await addNew(world, random, 'other')
      const target = join(world.fresh('mounts'), 'target')
      await world.mount('other', target, { follow: true })
      const { isFirst, former, next, clear } = await prepareFollowed(world, random, {
        name: 'followed',
        target,
      })
      const link = join(target, 'followed')
      return {
        args: ['mount', 'followed', target, '--follow', '--once'],
        place: dirname(target),
        whole: async () => {
          await assertChecks(target)
          if (isFirst && !(await exists(link))) return
          await assertFollows(link, [former, next])
          // The other model's delivery must not take away what a link without a record leads to.
          await world.mount('other', target, { follow: true })
          await assertFollows(link, [former, next])
        },
        done: async () => {
          await assertFollows(link, [next])
          await assertFollows(join(target, 'other'), [other.model])
          await assertMounted(target)
        },
        clear: async () => {
          await clear()
          await removeAll(world, other.model, 'other')
        },
      }
    },
  },
  {
    name: 'gc',
    weight: 2,
    async prepare(world, random) {
      const kept = await writeCrumbs(world.fresh('source'), random)
      const gone = await writeCrumbs(world.fresh('source'), random)
      await world.add('kept', kept.directory)
      await world.add('gone', gone.directory)
      await world.removeModel('gone')
      return {
        args: ['gc'],
        whole: () => assertStored(world.store, 'kept', kept),
        done: () => assertStored(world.store, 'kept', kept),
        clear: async () => {
          await rm(gone.directory, { recursive: true })
          await removeAll(world, kept, 'kept')
        },
      }
    },
  },
]

export interface Followed {
  /** The version before is not shown yet. */
  readonly isFirst: boolean
  readonly former: Model
  readonly next: Model
  readonly clear: () => Promise<void>
}

/** A model with two versions, of which a target shows the former, or none of the two. */
export async function prepareFollowed(
  world: World,
  random: Random,
  {
    name,
    target,
    layout,
  }: { readonly name: string; readonly target: string; readonly layout?: ServerLayout },
): Promise<Followed> {
  const { model: former } = await addNew(world, random, name)
  const isFirst = random.below(3) === 0
  if (!isFirst) await world.mount(name, target, { follow: true, ...(layout && { layout }) })
  const { model: next } = await addNew(world, random, name)
  const clear = async (): Promise<void> => {
    await rm(dirname(target), { recursive: true })
    await rm(former.directory, { recursive: true })
    await removeAll(world, next, name)
  }
  return { isFirst, former, next, clear }
}

/** The model's next version, of its own directory. */
async function addNew(
  world: World,
  random: Random,
  name: string,
): Promise<{ readonly ref: string; readonly model: Model }> {
  const model = await writeModel(world.fresh('source'), random)
  const { ref } = await world.add(name, model.directory)
  return { ref, model }
}

async function removeAll(world: World, model: Model, name: string): Promise<void> {
  await rm(model.directory, { recursive: true })
  await world.removeModel(name)
}

async function assertStored(store: string, ref: string, model: Model): Promise<void> {
  const options: RunOptions = { store }
  const shown = await run(['show', ref, '--json'], options)
  assert.equal(shown.code, 0, shown.stderr + shown.stdout)
  const { files } = JSON.parse(shown.stdout) as { files: { path: string; digest: string }[] }
  const stored = Object.fromEntries(files.map(({ path, digest }) => [path, digest.replace('sha256:', '')]))
  assert.deepEqual(stored, model.files)
}

/** One of the versions, byte for byte, and Ballast's own check agrees. */
export async function assertMounted(target: string, models?: readonly Model[]): Promise<void> {
  if (models !== undefined) await assertIsOneOf(target, models)
  await assertChecks(target)
}

export async function assertFollows(link: string, models: readonly Model[]): Promise<void> {
  await assertIsOneOf(join(dirname(link), await readlink(link)), models)
}

export async function assertChecks(target: string): Promise<void> {
  const checked = await run(['check', '--full', target])
  assert.equal(checked.code, 0, `check --full ${target}: ${checked.stdout}${checked.stderr}`)
  assert.doesNotMatch(checked.stdout, /also there/)
}

async function assertIsOneOf(directory: string, models: readonly Model[]): Promise<void> {
  const found: Files = await filesOf(directory)
  const same = models.some(({ files }) => JSON.stringify(files) === JSON.stringify(found))
  assert.ok(same, `${directory} is none of the versions: ${JSON.stringify(found)}`)
}

async function assertSetAside(target: string, former: Model): Promise<void> {
  const beside = await leftoversIn(dirname(target))
  assert.ok(beside.length > 0, `${target} is gone, and nothing was set aside`)
  for (const path of beside) {
    const directory = join(dirname(target), path)
    for (const candidate of [directory, join(directory, 'former')]) {
      const files = await filesOf(candidate).catch(() => ({}))
      if (JSON.stringify(files) === JSON.stringify(former.files)) return
    }
  }
  assert.fail(`${target} is gone, and none of ${beside.join(', ')} is the former version`)
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
