import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { COMMAND, type RunOptions, run, start } from '../fixtures/command.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { indexOf, leftoversIn, neededBlobs, storedBlobs } from '../fixtures/store-facts.ts'
import { embedPhases } from './embed-phases.ts'
import { type Attempt, PHASES, type Phase } from './phases.ts'
import { createWorld, letTimePass, type World } from './world.ts'

export interface KillOptions {
  readonly count: number
  readonly seed: string
  /** Worlds at work at the same time. */
  readonly lanes: number
  readonly print: (line: string) => void
  /** Every call of every phase, one after the other, instead of random instants. */
  readonly everyCall?: boolean
  /** Only phases whose names begin so. */
  readonly only?: string | undefined
}

export interface PhaseReport {
  readonly phase: string
  /** Killed while it ran. */
  readonly kills: number
  /** It had ended before the instant came; what must hold was looked at all the same. */
  readonly tooLate: number
}

/** How one run of a phase's command goes when nobody kills it. */
interface Measure {
  readonly ms: number
  readonly calls: number
}

/** By the clock from outside, or right before the command's n-th call that changes the disk. */
type Instant =
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'call'; readonly number: number }

interface Job {
  readonly index: number
  readonly phase: Phase
  readonly call?: number
}

const COUNTER = fileURLToPath(new URL('kill-at-call.ts', import.meta.url))

/**
 * Kills commands with SIGKILL at instants spread over their whole run, and after each kill looks at the store and the
 * targets, repeats the command and collects the garbage. Throws at the first thing that does not hold, with the seed,
 * the kill and the instant; the directory then stays for a look.
 */
export async function killAtRandom(options: KillOptions): Promise<readonly PhaseReport[]> {
  options.print(`kill: ${COMMAND}, seed ${options.seed}`)
  const all = [...PHASES, ...(await embedPhases(options.print))]
  const phases = all.filter(({ name }) => name.startsWith(options.only ?? ''))
  const measures = await measurePhases(phases, options)
  const queue = options.everyCall ? jobsForEveryCall(phases, measures) : randomJobs(phases, options.count)
  const reports = new Map(phases.map(({ name }) => [name, { phase: name, kills: 0, tooLate: 0 }]))
  let failed = false
  const lane = async (): Promise<void> => {
    const world = await createWorld()
    for (let job = queue.shift(); job !== undefined && !failed; job = queue.shift()) {
      const random = createRandom(`${options.seed}:${job.index}`)
      const instant = chooseInstant(random, job, measures)
      try {
        const killed = await killOnce(world, { phase: job.phase, random, instant })
        const report = reports.get(job.phase.name)
        if (report !== undefined) report[killed ? 'kills' : 'tooLate']++
      } catch (error) {
        failed = true
        const where = `kill ${job.index} (${job.phase.name}, ${describe(instant)}) with seed ${options.seed}, see ${world.root}`
        throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
    await world.clear()
  }
  await Promise.all(Array.from({ length: options.lanes }, lane))
  for (const { phase, kills, tooLate } of reports.values()) {
    const { ms, calls } = measureOf(measures, phase)
    options.print(
      `kill: ${phase}: ${kills} kills${tooLate === 0 ? '' : `, ${tooLate} too late`} (a whole run: ${Math.round(ms)} ms, ${calls} changing calls)`,
    )
  }
  return [...reports.values()]
}

async function killOnce(
  world: World,
  { phase, random, instant }: { phase: Phase; random: Random; instant: Instant },
): Promise<boolean> {
  const attempt = await phase.prepare(world, random)
  const store = attempt.store ?? world.store
  const killed = await runAndKill(attempt, { store, instant })
  await assertRuns(['verify'], { store })
  await assertSound(store)
  await attempt.whole()
  if (attempt.place !== undefined) await letTimePass(attempt.place)
  await assertRuns(attempt.args, { store })
  await attempt.done()
  if (attempt.place !== undefined)
    assert.deepEqual(await leftoversIn(attempt.place), [], 'left at the target')
  // A store of the attempt's own goes with it; the world's must hold no more than it did before.
  if (attempt.store === undefined) await attempt.clear()
  await assertNoGarbage(store)
  if (attempt.store !== undefined) await attempt.clear()
  return killed
}

async function runAndKill(
  { args }: Attempt,
  { store, instant }: { readonly store: string; readonly instant: Instant },
): Promise<boolean> {
  if (instant.kind === 'call') {
    const env = { BALLAST_KILL_AT: `${instant.number}` }
    const { signal, code, stderr } = await run(args, { store, env, nodeOptions: ['--import', COUNTER] })
    if (signal === null) assert.equal(code, 0, stderr)
    return signal === 'SIGKILL'
  }
  const running = start(args, { store })
  await Promise.race([sleep(instant.ms), running.ended])
  running.kill()
  const { signal, code, stderr } = await running.ended
  if (signal === null) assert.equal(code, 0, stderr)
  return signal === 'SIGKILL'
}

interface Listed {
  readonly ref: string
  readonly digest: string
  readonly tags: readonly string[]
  readonly files: number
}

/** What holds after `verify`, which brings the index up to the tags: every tag leads somewhere, the index agrees. */
export async function assertSound(store: string): Promise<void> {
  const listed = JSON.parse((await assertRuns(['list', '--json'], { store })).stdout) as Listed[]
  const expected: Record<string, string> = {}
  for (const { ref, digest, tags, files } of listed) {
    assert.ok(files > 0, `${ref} cannot be read`)
    const name = ref.replace(/:\d+$/, '')
    for (const reference of [ref, ...tags.map((tag) => `${name}:${tag}`)]) expected[reference] = digest
  }
  assert.deepEqual(sorted(await indexOf(store)), sorted(expected))
  const tagged = listed.flatMap(({ ref, tags }) => tags.map((tag) => `${ref.replace(/:\d+$/, '')}:${tag}`))
  const [some] = tagged
  if (some !== undefined) {
    const shown = JSON.parse((await assertRuns(['show', some, '--json'], { store })).stdout) as Listed
    assert.equal(shown.digest, expected[some])
  }
}

/** After `gc`: nothing but what is needed, and nothing half-written. */
async function assertNoGarbage(store: string): Promise<void> {
  await letTimePass(store)
  await assertRuns(['gc'], { store })
  assert.deepEqual(await leftoversIn(store), [], 'gc leaves what was half-written')
  const needed = await neededBlobs(store)
  assert.deepEqual([...(await storedBlobs(store))].sort(), [...needed].sort())
  await Promise.all([assertRuns(['verify'], { store }), assertSound(store)])
}

async function assertRuns(args: readonly string[], options: RunOptions): ReturnType<typeof run> {
  const ran = await run(args, options)
  assert.equal(ran.code, 0, `ballast ${args.join(' ')}: ${ran.stdout}${ran.stderr}`)
  return ran
}

async function measurePhases(
  phases: readonly Phase[],
  { seed }: KillOptions,
): Promise<ReadonlyMap<string, Measure>> {
  const world = await createWorld()
  const measures = new Map<string, Measure>()
  for (const phase of phases) {
    const random = createRandom(`${seed}:${phase.name}`)
    const counted = await phase.prepare(world, random)
    const file = join(world.root, 'calls')
    const env = { BALLAST_CALLS_FILE: file }
    await assertRuns(counted.args, {
      store: counted.store ?? world.store,
      env,
      nodeOptions: ['--import', COUNTER],
    })
    await counted.clear()
    const timed = await phase.prepare(world, random)
    const { ms } = await assertRuns(timed.args, { store: timed.store ?? world.store })
    await timed.clear()
    await assertRuns(['gc'], { store: world.store })
    measures.set(phase.name, { ms, calls: Number(await readFile(file, 'utf8')) })
  }
  await world.clear()
  return measures
}

/** Before this the command has not been loaded, and a kill proves nothing. */
const LOADED_MS = 50

function chooseInstant(
  random: Random,
  { index, phase, call }: Job,
  measures: ReadonlyMap<string, Measure>,
): Instant {
  const { ms, calls } = measureOf(measures, phase.name)
  if (call !== undefined) return { kind: 'call', number: call }
  if (index % 2 === 0) return { kind: 'call', number: 1 + random.below(calls) }
  return { kind: 'time', ms: LOADED_MS + random.next() * Math.max(0, ms - LOADED_MS) }
}

/** The phases in turn, each as often as its weight says, so that any number of kills is spread over all of them. */
function randomJobs(phases: readonly Phase[], count: number): Job[] {
  const heaviest = Math.max(...phases.map(({ weight }) => weight))
  const turns = Array.from({ length: heaviest }, (_, turn) => phases.filter(({ weight }) => weight > turn))
  const round = turns.flat()
  const jobs: Job[] = []
  for (let index = 0; index < count; index++) {
    // Two in a row, one with each kind of instant.
    const phase = round[Math.floor(index / 2) % round.length]
    if (phase !== undefined) jobs.push({ index, phase })
  }
  return jobs
}

function jobsForEveryCall(phases: readonly Phase[], measures: ReadonlyMap<string, Measure>): Job[] {
  const jobs: Job[] = []
  for (const phase of phases) {
    for (let call = 1; call <= measureOf(measures, phase.name).calls; call++) {
      jobs.push({ index: jobs.length, phase, call })
    }
  }
  return jobs
}

function measureOf(measures: ReadonlyMap<string, Measure>, phase: string): Measure {
  const measure = measures.get(phase)
  if (measure === undefined) throw new Error(`the phase ${phase} was not measured`)
  return measure
}

function describe(instant: Instant): string {
  return instant.kind === 'time' ? `after ${Math.round(instant.ms)} ms` : `before call ${instant.number}`
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
}
