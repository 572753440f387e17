import assert from 'node:assert/strict'
import { openStore } from '../../src/store/index.ts'
import { add } from '../../src/workflows/add.ts'
import { tag } from '../../src/workflows/tag.ts'
import { ask, type Ran, type RunOptions } from '../fixtures/command.ts'
import type { Random } from '../fixtures/random.ts'
import { type Files, filesOf } from '../fixtures/store-facts.ts'
import { startRegistry, writeBase } from './images.ts'
import { type Model, type World, writeFiles } from './world.ts'

/** A target that somebody has, and what has to be in it. */
export interface Mounted {
  readonly target: string
  /** `name:number` */
  readonly version: string
  readonly digest: string
  /** Of a model whose versions only `gc` removes. */
  readonly isHeld: boolean
}

/** What all lanes work on. */
export interface Arena {
  readonly world: World
  readonly options: RunOptions
  /** Directories to add; the same bytes come, go and come again. */
  readonly sources: readonly Model[]
  /** An OCI layout with an image. */
  readonly base: string
  /** The store's own registry, and one of another store. */
  readonly registry: string
  readonly elsewhere: string
  /** What is in each version that was ever made, by digest. */
  readonly versions: Map<string, Files>
  /** Kept for the end. */
  readonly mounts: Mounted[]
  readonly followed: Set<string>
  /** In the store's registry, by name: what the last embed put there. */
  readonly images: Map<string, { readonly model: string; readonly files: Files }>
  readonly checked: { mounts: number; images: number }
}

/** Removed by nobody but `gc`, and by anybody. */
export const KEPT = ['keep-a', 'keep-b'] as const
export const LOOSE = ['loose-a', 'loose-b'] as const

const MODELS = 6
const POLICY = ['--keep-last', '3', '--keep-within', '2s']
export async function createArena(
  world: World,
  random: Random,
): Promise<{ readonly arena: Arena; readonly close: () => Promise<void> }> {
  const sources: Model[] = []
  for (let number = 0; number < MODELS; number++)
    sources.push(await writeSmallModel(world.fresh('source'), random))
  const layout = world.fresh('base')
  await writeBase(layout)
  // Whatever containers there are on this machine are none of this.
  const options = {
    store: world.store,
    cwd: world.root,
    env: { DOCKER_HOST: `unix://${world.root}/none.sock` },
  }
  const arena = {
    ...{ world, options, sources, base: `oci:${layout}:base` },
    ...{ versions: new Map(), mounts: [], followed: new Set<string>(), images: new Map() },
    checked: { mounts: 0, images: 0 },
  }
  // In this process, because starting the command takes longer than its work.
  const store = await openStore(world.store)
  for (const name of [...KEPT, ...LOOSE]) {
    for (let times = 0; times < 2; times++) {
      const model = random.pick(sources)
      const { digest } = await add(store, { name, sources: [model.directory] })
      arena.versions.set(digest, model.files)
      await tag(store, [`${name}:latest`, 'prod'])
    }
  }
  await ask(['gc', '--set-policy', ...POLICY], options)
  const registries = await Promise.all([startRegistry(world.store), startRegistry(world.fresh('elsewhere'))])
  const [registry, elsewhere] = registries.map(({ url }) => url) as [string, string]
  const close = async (): Promise<void> => {
    for (const { running } of registries) {
      running.kill()
      await running.ended
    }
  }
  return { arena: { ...arena, registry, elsewhere }, close }
}

async function writeSmallModel(directory: string, random: Random): Promise<Model> {
  const twice = random.bytes(20_000)
  await writeFiles(directory, {
    'weights.bin': random.bytes(200_000 + random.below(200_000)),
    'a/shared.bin': twice,
    'b/shared.bin': twice,
    'config.json': JSON.stringify({ seed: random.next() }),
  })
  return { directory, files: await filesOf(directory) }
}

/** Opens and hashes all of it. */
export async function assertMount({ versions, checked }: Arena, { target, digest }: Mounted): Promise<void> {
  assert.deepEqual(await filesOf(target), versions.get(digest), `${target} is not ${digest}`)
  checked.mounts++
}

/** True where it succeeded, false where it ended with one of these codes; nothing else is allowed. */
export function endedWell(ran: Ran, args: readonly string[], allowed: readonly number[] = []): boolean {
  assert.ok(
    ran.code === 0 || allowed.includes(ran.code as number),
    `ballast ${args.join(' ')} ended with ${ran.code ?? ran.signal}: ${ran.stdout}${ran.stderr}`,
  )
  return ran.code === 0
}
