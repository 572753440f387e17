import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { COMMAND, run, start } from '../fixtures/command.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { leftoversIn } from '../fixtures/store-facts.ts'
import { CROWDS, killsInCrowds } from './crowds.ts'
import { embedPhases } from './embed-phases.ts'
import { LAYOUT_PHASES } from './layout-phases.ts'
import { type Attempt, PHASES, type Phase } from './phases.ts'
import { type PhaseReport, summaryOf } from './report.ts'
import { assertNoGarbage, assertRuns, assertSound } from './sound.ts'
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

export interface KillReport {
  readonly phases: readonly PhaseReport[]
  /** How often a verb was at work in a crowd while a `gc` was; 0 for one that never was. */
  readonly besideGc: Readonly<Record<string, number>>
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
 * targets, repeats the command and collects the garbage; a third of the kills in crowds of commands on one store.
 * Throws at the first thing that does not hold, with the seed, the kill and the instant; the directory then stays for
 * a look.
 */
export async function killAtRandom(options: KillOptions): Promise<KillReport> {
  const { only = '', count, seed, lanes, print, everyCall = false } = options
  print(`kill: ${COMMAND}, seed ${seed}`)
  const hasCrowds = CROWDS.startsWith(only) && !everyCall
  const inCrowds = hasCrowds ? Math.round(only === '' ? count / 3 : count) : 0
  const alone = await killsAlone(options, count - inCrowds)
  const crowds = inCrowds === 0 ? undefined : await killsInCrowds(seed, inCrowds)
  await inLanes(lanes, [...alone.jobs, ...(crowds?.jobs ?? [])])
  for (const line of [...alone.lines(), ...(crowds?.lines() ?? [])]) print(`kill: ${line}`)
  return {
    phases: [...alone.reports.values(), ...(crowds === undefined ? [] : [crowds.report])],
    besideGc: crowds?.besideGc ?? {},
  }
}

/** What is under way elsewhere when one of them fails comes to its end. */
async function inLanes(lanes: number, jobs: readonly ((world: World) => Promise<void>)[]): Promise<void> {
  const queue = [...jobs]
  const lane = async (): Promise<void> => {
    const world = await createWorld()
    try {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job(world)
    } catch (error) {
      queue.length = 0
      throw error
    }
    await world.clear()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

interface KillsAlone {
  readonly jobs: readonly ((world: World) => Promise<void>)[]
  readonly reports: ReadonlyMap<string, PhaseReport>
  readonly lines: () => readonly string[]
}

async function killsAlone(options: KillOptions, count: number): Promise<KillsAlone> {
  const { seed, everyCall, only = '' } = options
  const all = [...PHASES, ...LAYOUT_PHASES, ...(await embedPhases(options.print))]
  const phases = all.filter(({ name }) => name.startsWith(only))
  const measures = await measurePhases(phases, options)
  const reports = new Map(phases.map(({ name }) => [name, { phase: name, kills: 0, tooLate: 0 }]))
  const jobs = (everyCall ? jobsForEveryCall(phases, measures) : randomJobs(phases, count)).map(
    (job) =>
      async (world: World): Promise<void> => {
        const random = createRandom(`${seed}:${job.index}`)
        const instant = chooseInstant(random, job, measures)
        try {
          const killed = await killOnce(world, { phase: job.phase, random, instant })
          const report = reports.get(job.phase.name)
          if (report !== undefined) report[killed ? 'kills' : 'tooLate']++
        } catch (error) {
          const where = `kill ${job.index} (${job.phase.name}, ${describe(instant)}) with seed ${seed}, see ${world.root}`
          throw new Error(`${where}: ${error instanceof Error ? error.message : error}`, { cause: error })
        }
      },
  )
  const lines = (): readonly string[] =>
    [...reports.values()].map((report) => {
      const { ms, calls } = measureOf(measures, report.phase)
      return `${summaryOf(report)} (a whole run: ${Math.round(ms)} ms, ${calls} changing calls)`
    })
  return { jobs, reports, lines }
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
