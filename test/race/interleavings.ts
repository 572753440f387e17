import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom, type Random } from '../fixtures/random.ts'
import { type Interleaved, interleave, type Scheduler, skipSyncs, type Waiting } from './barriers.ts'
import { POLICY_SCENARIOS } from './policy-scenarios.ts'
import { type Scenario, SCENARIOS as USUAL } from './scenarios.ts'
import { byPriority, cutAt, randomWalk } from './schedules.ts'
import { brokenReferences, manifestsWithoutBlobs } from './wholeness.ts'

const SCENARIOS: readonly Scenario[] = [...USUAL, ...POLICY_SCENARIOS]

export interface InterleavingOptions {
  readonly count: number
  readonly seed: string
  readonly print: (line: string) => void
  /** Only this one of them, as a failure names it. */
  readonly only?: number | undefined
}

/**
 * Runs `gc` beside what adds, embeds, tags and removes, in one interleaving of their file-system calls after the
 * other. At every step no manifest is in the store without its blobs; in the end every reference leads to whole
 * content, and so does what each of the others has reported. Throws at the first thing that does not hold, with the
 * seed and the number of the interleaving.
 */
export async function runInterleavings({ count, seed, print, only }: InterleavingOptions): Promise<number> {
  await skipSyncs()
  print(`interleavings: seed ${seed}`)
  const seen = new Map(SCENARIOS.map(({ name }) => [name, new Set<string>()]))
  const lengths = new Map<Scenario, readonly number[]>()
  let steps = 0
  for (let index = 0; index < count; index++) {
    if (only !== undefined && index !== only) continue
    const scenario = SCENARIOS[index % SCENARIOS.length] as Scenario
    const random = createRandom(`${seed}:${index}`)
    if (!lengths.has(scenario))
      lengths.set(scenario, await measure(scenario, createRandom(`${seed}:measure`)))
    const choose = schedulerFor(index, { random, lengths: lengths.get(scenario) ?? [] })
    const { made } = await runOne(scenario, { random, choose }).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : `${error}`
      throw new Error(`interleaving ${index} (${scenario.name}) with seed ${seed}: ${text}`, { cause: error })
    })
    seen.get(scenario.name)?.add(digestOfSteps(made))
    steps += made.length
  }
  for (const [name, different] of seen) print(`interleavings: ${name}: ${different.size} different ones`)
  const total = [...seen.values()].reduce((sum, { size }) => sum + size, 0)
  print(`interleavings: ${total} different ones of ${count}, ${steps} steps`)
  return total
}

async function runOne(
  scenario: Scenario,
  { random, choose }: { readonly random: Random; readonly choose: Scheduler },
): Promise<{ readonly made: readonly Waiting[] }> {
  const root = await mkdtemp(join(IN_MEMORY, 'ballast-interleaved-'))
  const store = join(root, 'store')
  try {
    const { actors, assertDone } = await scenario.prepare({ root, store, random })
    const known = new Map<string, readonly string[]>()
    const interleaved = await interleave(actors, choose, ({ call }) => {
      if (CHANGING.has(call)) assert.deepEqual(manifestsWithoutBlobs(store, known), [], 'in the midst of it')
    })
    assert.deepEqual(manifestsWithoutBlobs(store, known), [])
    assert.deepEqual(brokenReferences(store), [])
    await assertDone(interleaved.outcomes)
    return { made: interleaved.steps }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Real files, of which no disk has to know. */
const IN_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** What can take a blob away or bring a manifest. */
const CHANGING = new Set(['rename', 'rm', 'unlink', 'link'])

/** How many steps each actor makes when it is let through at once. */
async function measure(scenario: Scenario, random: Random): Promise<readonly number[]> {
  const { made } = await runOne(scenario, { random, choose: cutAt([0, 1, 2], []) })
  const lengths: number[] = []
  for (const { actor } of made) lengths[actor] = (lengths[actor] ?? 0) + 1
  return lengths
}

function schedulerFor(
  index: number,
  { random, lengths }: { readonly random: Random; readonly lengths: readonly number[] },
): Scheduler {
  const turn = Math.floor(index / SCENARIOS.length) % 3
  const length = lengths.reduce((sum, one) => sum + one, 0)
  if (turn === 0) return randomWalk(random)
  if (turn === 1) return byPriority(random, { actors: lengths.length, length })
  const order = shuffled([...lengths.keys()], random)
  return cutAt(
    order,
    order.map((actor) => random.below((lengths[actor] ?? 0) + 1)),
  )
}

function shuffled(items: number[], random: Random): readonly number[] {
  for (let at = items.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    ;[items[at], items[other]] = [items[other] as number, items[at] as number]
  }
  return items
}

function digestOfSteps(steps: Interleaved['steps']): string {
  return createHash('sha256')
    .update(steps.map(({ actor }) => actor).join(''))
    .digest('hex')
}
