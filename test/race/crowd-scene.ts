import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openStore } from '../../src/store/index.ts'
import { tag } from '../../src/workflows/tag.ts'
import type { Running } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { filesOfVersion, recordsOf } from '../fixtures/store-facts.ts'
import { startRegistry, writeBase } from './images.ts'
import { createWorld, type Model, type World, writeCrumbs, writeModel } from './world.ts'

/** What a crowd works on, all of it at once. */
export interface Scene {
  readonly world: World
  /** In the store at first, by reference. */
  readonly stored: Readonly<Record<string, Model>>
  /** What there may be in the end. */
  readonly models: readonly Model[]
  /** Directories to add from; two of them are in the store already. */
  readonly sources: readonly Model[]
  /** A target that follows `sentiment:prod`, for all who follow. */
  readonly followed: string
  /** A base image. */
  readonly base: string
  /** The store's own, which serves while the crowd is at work. */
  readonly registry: { readonly url: string; readonly running: Running }
}

export async function createScene(random: Random): Promise<Scene> {
  const world = await createWorld()
  const [first, second, other, fresh, further] = await Promise.all(
    Array.from({ length: 5 }, () => writeModel(world.fresh('source'), random)),
  )
  if (!first || !second || !other || !fresh || !further) throw new Error('five models were written')
  await world.add('sentiment', first.directory)
  await world.add('sentiment', second.directory)
  await world.add('other', other.directory)
  for (const number of [1, 2]) await tag(await openStore(world.store), [`sentiment:${number}`, 'prod'])
  // Something for `gc` to remove, one by one.
  await world.add('gone', (await writeCrumbs(world.fresh('source'), random)).directory)
  await world.removeModel('gone')
  const layout = world.fresh('base')
  await writeBase(layout)
  const registry = await startRegistry(world.store)
  // Also where another crowd has failed, which ends this one.
  process.once('exit', registry.running.kill)
  void registry.running.ended.then(() => process.off('exit', registry.running.kill))
  return {
    world,
    stored: { 'sentiment:1': first, 'sentiment:2': second, 'other:1': other },
    models: [first, second, other, fresh, further],
    sources: [fresh, further, first, other],
    followed: join(world.fresh('mounts'), 'target'),
    base: `oci:${layout}:base`,
    registry,
  }
}

export interface Move {
  readonly digest: string | null
  readonly by: string
}

/** Moves of every tag, oldest first, by `name:tag`. */
export type Moves = Readonly<Record<string, readonly Move[]>>

export async function movesIn(store: string): Promise<Moves> {
  const moves: Record<string, readonly Move[]> = {}
  const repositories = join(store, 'ballast', 'repositories')
  for (const name of await readdir(repositories)) {
    for (const tag of await readdir(join(repositories, name, 'tags')).catch(() => []))
      moves[`${name}:${tag}`] = await recordsOf<Move>(store, `${name}/tags/${tag}`)
  }
  return moves
}

type Numbered = { readonly number: number; readonly digest: string } | { readonly removed: number }

export interface Numbers {
  /** Digests of the versions that were not removed, by `name:number`. */
  readonly live: Readonly<Record<string, string>>
  readonly removed: ReadonlySet<string>
}

export async function numbersIn(store: string): Promise<Numbers> {
  const live: Record<string, string> = {}
  const removed = new Set<string>()
  for (const name of await readdir(join(store, 'ballast', 'repositories'))) {
    for (const record of await recordsOf<Numbered>(store, `${name}/versions`)) {
      if ('number' in record) live[`${name}:${record.number}`] = record.digest
      else {
        removed.add(`${name}:${record.removed}`)
        delete live[`${name}:${record.removed}`]
      }
    }
  }
  return { live, removed }
}

/** Whether some number or tag leads to a version of these very files, whose bytes are all there. */
export async function isStored(store: string, model: Model): Promise<boolean> {
  const heads = Object.values(await movesIn(store)).flatMap((moves) => moves.at(-1)?.digest ?? [])
  const digests = new Set([...Object.values((await numbersIn(store)).live), ...heads])
  for (const digest of digests) {
    const files = await filesOfVersion(store, digest).catch(() => ({}))
    if (JSON.stringify(files) === JSON.stringify(model.files)) return true
  }
  return false
}
