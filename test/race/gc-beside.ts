import assert from 'node:assert/strict'
import { ask, run } from '../fixtures/command.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import type { Files } from '../fixtures/store-facts.ts'
import { numbersIn } from './crowd-scene.ts'
import { type Arena, assertMount, createArena } from './gc-beside-arena.ts'
import { type BesideKind, besideKinds } from './gc-beside-kinds.ts'
import { assertImage, readFromRegistry } from './images.ts'
import { assertNoGarbage, assertRuns } from './sound.ts'
import { createWorld } from './world.ts'

/** Processes of the command at work on one store at the same time, that of `gc` and the registries not counted. */
const LANES = 8

export interface BesideRequest {
  readonly seed: string
  readonly ms: number
}

export interface BesideReport {
  /** By kind: how often it was done, and how often it was told that what it wanted had gone. */
  readonly done: Readonly<Record<string, { readonly done: number; readonly told: number }>>
  readonly collections: number
  /** By policies. */
  readonly versionsRemoved: number
  readonly blobsRemoved: number
  /** That were opened and hashed in the end, or when they went. */
  readonly mounts: number
  readonly images: number
}

const COLLECTIONS = [
  ['gc'],
  ['gc', '--policy'],
  ['gc', '--keep-last', '1'],
  ['gc', '--keep-last', '2'],
  ['gc', '--keep-last', '1', '--budget', '1MB'],
]

/**
 * Eight processes add, embed, pull, push, mount, follow, remove and capture beside a `gc` in a loop, by policies too. None of them
 * fails but for what was removed before it began to use it. In the end everything that was mounted or embedded is whole, versions that
 * targets have are there, and nothing is there that nothing needs.
 */
export async function gcBeside({ seed, ms }: BesideRequest): Promise<BesideReport> {
  const random = createRandom(`${seed}:gc-beside`)
  const world = await createWorld()
  const { arena, close } = await createArena(world, random)
  try {
    const until = performance.now() + ms
    const counts = new Map<string, { done: number; told: number }>()
    const collected = { collections: 0, versionsRemoved: 0, blobsRemoved: 0 }
    await together([
      ...Array.from(
        { length: LANES },
        (_, lane) => () =>
          runLane(arena, { random: createRandom(`${seed}:lane:${lane}`), lane, until, counts }),
      ),
      () => collect(arena, { random: createRandom(`${seed}:gc`), until, collected }),
    ])
    await assertWhole(arena)
    for (const [name, image] of arena.images) await assertEmbedded(arena, name, image)
    for (const name of arena.images.keys()) await removeImages(`${arena.registry}/v2/${name}`)
    await close()
    await assertRuns(['gc', '--keep-last', '1'], arena.options)
    await assertNoGarbage(world.store, { isBesideRemoval: true })
    await assertMounts(arena)
    await world.clear()
    const done = Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
    return { done, ...collected, ...arena.checked }
  } catch (error) {
    await close()
    const why = error instanceof Error ? error.message : error
    throw new Error(`gc beside others, seed ${seed}: ${why}\nsee ${world.root}`, { cause: error })
  }
}

/** The first failure ends all of it, once everybody has come to the end of what he does. */
async function together(works: readonly (() => Promise<void>)[]): Promise<void> {
  const ended = await Promise.allSettled(works.map((work) => work()))
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}

interface Lane {
  readonly random: Random
  readonly lane: number
  readonly until: number
  readonly counts: Map<string, { done: number; told: number }>
}

async function runLane(arena: Arena, { random, lane, until, counts }: Lane): Promise<void> {
  const kinds = Object.entries(besideKinds(lane)) as [string, BesideKind][]
  // Each begins elsewhere, so that all kinds are at work from the beginning.
  for (let turn = lane; performance.now() < until; turn++) {
    const [name, kind] =
      turn < lane + kinds.length ? (kinds[turn % kinds.length] as (typeof kinds)[0]) : random.pick(kinds)
    const count = counts.get(name) ?? { done: 0, told: 0 }
    counts.set(name, count)
    if (await kind(arena, random)) count.done++
    else count.told++
  }
}

async function collect(
  arena: Arena,
  {
    random,
    until,
    collected,
  }: {
    readonly random: Random
    readonly until: number
    readonly collected: { collections: number; versionsRemoved: number; blobsRemoved: number }
  },
): Promise<void> {
  while (performance.now() < until) {
    const { removed, retention } = await ask<{
      removed: readonly unknown[]
      retention?: { readonly removed: readonly unknown[] }
    }>(random.pick(COLLECTIONS), arena.options)
    collected.collections++
    collected.blobsRemoved += removed.length
    collected.versionsRemoved += retention?.removed.length ?? 0
  }
}

/** After everybody has ended, and the registry serves still. */
async function assertWhole(arena: Arena): Promise<void> {
  const { problems, histories } = await ask<{
    problems: readonly unknown[]
    histories: { readonly broken: readonly unknown[] }
  }>(['verify'], arena.options)
  assert.deepEqual([problems, histories.broken], [[], []])
  await assertMounts(arena)
}

async function assertMounts(arena: Arena): Promise<void> {
  const { live } = await numbersIn(arena.world.store)
  for (const mounted of arena.mounts) {
    await assertMount(arena, mounted)
    const { isHeld, target, version, digest } = mounted
    if (isHeld) assert.equal(live[version], digest, `${target} has ${version}, which gc has removed`)
  }
  for (const target of arena.followed) {
    const checked = await run(['check', '--full', target], arena.options)
    assert.equal(checked.code, 0, `check --full ${target}: ${checked.stdout}${checked.stderr}`)
    arena.checked.mounts++
  }
}

async function assertEmbedded(
  { registry, world, checked }: Arena,
  name: string,
  { model, files }: { readonly model: string; readonly files: Files },
): Promise<void> {
  const models = [{ directory: '', files }]
  await assertImage(world.root, (reference) => readFromRegistry(registry, name, reference), {
    tag: 'out',
    name: model,
    models,
  })
  checked.images++
}

async function removeImages(repository: string): Promise<void> {
  const listed = await fetch(`${repository}/tags/list`)
  const { tags = [] } = (await listed.json()) as { tags?: readonly string[] }
  for (const tag of tags) {
    const deleted = await fetch(`${repository}/manifests/${tag}`, { method: 'DELETE' })
    assert.equal(deleted.status, 202, await deleted.text())
  }
}

/** Lines for people. */
export function describeBeside({ done, ...report }: BesideReport): readonly string[] {
  const kinds = Object.entries(done).map(
    ([kind, { done, told }]) => `${kind} ${done}${told > 0 ? ` (+${told} told)` : ''}`,
  )
  const { collections, versionsRemoved, blobsRemoved, mounts, images } = report
  return [
    kinds.join(', '),
    `${collections} collections removed ${versionsRemoved} versions by policy and ${blobsRemoved} blobs`,
    `${mounts} mounts and ${images} images were opened and hashed: all whole; nothing needed was removed, nothing else is left`,
  ]
}
