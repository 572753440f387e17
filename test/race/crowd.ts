import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Ran, run, start } from '../fixtures/command.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { leftoversIn } from '../fixtures/store-facts.ts'
import { collect, crowdKinds, type Kind, type Member, type Moved } from './crowd-members.ts'
import { createScene, type Moves, movesIn, type Scene } from './crowd-scene.ts'
import { assertNoGarbage, assertRuns, assertSound } from './sound.ts'
import { letTimePass } from './world.ts'

/** Processes at work on one store at the same time, the registry that serves it not counted. */
const CROWD = 8
/** They start within this time. */
const SPREAD_MS = 500
/** Before this a command has not been loaded, and a kill proves nothing. */
const LOADED_MS = 50

export interface CrowdReport {
  readonly kills: number
  /** They had ended before their instant came. */
  readonly tooLate: number
  /** Kinds that were at work while a `gc` was. */
  readonly besideGc: readonly string[]
}

/** How long each kind lives in a crowd, and how many calls it makes that change the disk. */
export interface CrowdMeasure {
  readonly kinds: Readonly<Record<string, Kind>>
  readonly ms: Readonly<Record<string, number>>
  readonly calls: Readonly<Record<string, number>>
  /** Of all kinds. */
  readonly verbs: readonly string[]
}

export interface CrowdJob {
  readonly seed: string
  /** Among the crowds of this seed; each kind has its turn. */
  readonly turn: number
  readonly kills: number
}

/** One crowd of every kind, in which nobody is killed. */
export async function measureCrowd(seed: string): Promise<CrowdMeasure> {
  const random = createRandom(`${seed}:crowd`)
  const scene = await createScene(random)
  const kinds = await crowdKinds()
  const members = await membersOf(scene, random, Object.values(kinds))
  const files = members.map((_, at) => join(scene.world.root, `calls-${at}`))
  const starts = members.map((member, at) => ({
    member,
    // What is removed can be measured no more.
    offset: random.below(SPREAD_MS) + (member.removes === undefined ? 0 : 4 * SPREAD_MS),
    env: { BALLAST_CALLS_FILE: files[at] },
  }))
  const lived = await gather(scene, starts)
  const calls = files.map((file) => Number(readFileSync(file, 'utf8')))
  await assertHolds(scene, lived)
  const names = Object.keys(kinds)
  const entries = <T>(of: (at: number) => T): Record<string, T> =>
    Object.fromEntries(names.map((name, at) => [name, of(at)]))
  return {
    kinds,
    // Fewer at work at once are faster.
    ms: entries((at) => (lived[at] as Lived).ran.ms / 2),
    calls: entries((at) => calls[at] as number),
    verbs: [...new Set(members.map(({ kind }) => kind))],
  }
}

/**
 * Eight processes of the command start on one store and its targets, a `gc` always among them; some are killed with
 * SIGKILL on their way. The others succeed or fail with what follows from a removal beside them. Nothing that one of
 * them reported is lost, nothing is torn, and in the end one `gc` leaves no garbage.
 */
export async function killInCrowd(job: CrowdJob, measure: CrowdMeasure): Promise<CrowdReport> {
  const random = createRandom(`${job.seed}:crowd:${job.turn}`)
  const scene = await createScene(random)
  const names = ['gc', ...kindsInTurn(job, Object.keys(measure.kinds))]
  const members = await membersOf(
    scene,
    random,
    names.map((name) => measure.kinds[name] ?? collect),
  )
  const victims = new Set(shuffled(random, [...members.keys()]).slice(0, job.kills))
  const starts = members.map((member, at): Start => {
    const name = names[at] as string
    const offset = random.below(SPREAD_MS)
    const ms = measure.ms[name] ?? 0
    const killAfter = LOADED_MS + random.next() * Math.max(0, ms - LOADED_MS)
    const calls = measure.calls[name] ?? 0
    const call = 1 + random.below(calls)
    const isByTime = random.below(2) === 0 || calls === 0
    if (!victims.has(at)) return { member, offset }
    if (isByTime) return { member, offset, killAfter }
    return { member, offset, env: { BALLAST_KILL_AT: `${call}` } }
  })
  const lived = await gather(scene, starts)
  try {
    await assertHolds(scene, lived)
  } catch (error) {
    const story = lived.map((one) => describe(one)).join('\n  ')
    throw new Error(
      `${error instanceof Error ? error.message : error}\nsee ${scene.world.root}\n  ${story}`,
      {
        cause: error,
      },
    )
  }
  const kills = lived.filter(({ ran }) => ran.signal === 'SIGKILL').length
  return { kills, tooLate: job.kills - kills, besideGc: besideGc(lived) }
}

interface Start {
  readonly member: Member
  /** In milliseconds. */
  readonly offset: number
  /** By the clock from outside, after it was started. */
  readonly killAfter?: number
  readonly env?: Readonly<Record<string, string | undefined>>
}

interface Lived {
  readonly member: Member
  readonly ran: Ran
  readonly from: number
  readonly to: number
  /** Moves before the crowd came. */
  readonly before: Moves
}

const COUNTER = fileURLToPath(new URL('kill-at-call.ts', import.meta.url))

async function gather({ world }: Scene, starts: readonly Start[]): Promise<readonly Lived[]> {
  const before = await movesIn(world.store)
  const began = performance.now()
  const since = (): number => performance.now() - began
  return Promise.all(
    starts.map(async ({ member, offset, killAfter, env }): Promise<Lived> => {
      await sleep(offset)
      const from = since()
      const nodeOptions = env === undefined ? [] : ['--import', COUNTER]
      const running = start([...member.args, '--json'], {
        store: world.store,
        nodeOptions,
        ...(env && { env }),
      })
      if (killAfter !== undefined) {
        await Promise.race([sleep(killAfter), running.ended])
        running.kill()
      }
      const ran = await running.ended
      return { member, ran, from, to: since(), before }
    }),
  )
}

async function assertHolds(scene: Scene, lived: readonly Lived[]): Promise<void> {
  const { store } = scene.world
  const removals = lived.flatMap(({ member }) => member.removes ?? [])
  for (const one of lived) if (!wasKilled(one)) assertEnded(one, removals.length > 0)
  await assertRuns(['verify'], { store })
  const isBesideRemoval = removals.length > 0
  await assertSound(store, { isBesideRemoval })
  for (const { member } of lived) await member.whole?.()
  await assertDone(scene, lived, removals)
  const places = new Set(lived.flatMap(({ member }) => member.place ?? []))
  for (const place of places) await letTimePass(place)
  for (const one of lived.filter(wasKilled)) await repeat(scene, one, removals)
  for (const { member, ran } of lived) {
    if (member.place !== undefined && ran.code === 0)
      assert.deepEqual(await leftoversIn(member.place), [], `left at ${member.place}`)
  }
  for (const { member } of lived) await member.clear?.()
  scene.registry.running.kill()
  await scene.registry.running.ended
  await assertNoGarbage(store, { isBesideRemoval })
  await scene.world.clear()
}

function wasKilled({ ran }: Lived): boolean {
  return ran.signal === 'SIGKILL'
}

/** Never with the code of a bug, and with another one only for what was removed beside it. */
function assertEnded({ member, ran }: Pick<Lived, 'member' | 'ran'>, isBesideRemoval: boolean): void {
  const allowed = [0, ...(isBesideRemoval ? (member.besideRemoval ?? []) : [])]
  assert.ok(
    allowed.includes(ran.code as number),
    `ballast ${member.args.join(' ')} ended with ${ran.code ?? ran.signal}: ${ran.stdout}${ran.stderr}`,
  )
}

async function assertDone(
  { world }: Scene,
  lived: readonly Lived[],
  removals: readonly string[],
): Promise<void> {
  const succeeded = lived.filter(({ ran }) => ran.code === 0)
  for (const { member, ran } of succeeded)
    await member.done?.(JSON.parse(ran.stdout), (ref) => isRemoved(ref, removals))
  const moved = succeeded.flatMap(({ member, ran }) => member.moves?.(JSON.parse(ran.stdout)) ?? [])
  assertMoves(moved, { before: lived[0]?.before ?? {}, after: await movesIn(world.store) })
}

/** Histories go on where they were, and hold each move that was reported, as often as it was. */
function assertMoves(
  moved: readonly Moved[],
  { before, after }: { readonly before: Moves; readonly after: Moves },
): void {
  for (const [tag, moves] of Object.entries(before))
    assert.deepEqual(after[tag]?.slice(0, moves.length), moves, `the history of ${tag} has changed`)
  for (const { tag, digest, by } of moved) {
    const all = after[tag] ?? []
    const found = all
      .slice(by === undefined ? 0 : (before[tag]?.length ?? 0))
      .filter((move) => move.digest === digest && (by === undefined || move.by === by)).length
    const reported =
      by === undefined
        ? 1
        : moved.filter((one) => one.tag === tag && one.digest === digest && one.by === by).length
    assert.ok(found >= reported, `${by ?? 'add'} moved ${tag} to ${digest}: ${JSON.stringify(all)}`)
  }
}

function isRemoved(ref: string, removals: readonly string[]): boolean {
  return removals.some((removal) =>
    removal.endsWith(':*') ? ref.startsWith(removal.slice(0, -1)) : ref === removal,
  )
}

/** As its user would, who has not heard of it. */
async function repeat({ world }: Scene, { member }: Lived, removals: readonly string[]): Promise<void> {
  if (member.isRepeatable !== true) return
  const ran = await run([...member.args, '--json'], { store: world.store })
  assertEnded({ member, ran }, removals.length > 0)
  if (ran.code !== 0) return
  await member.done?.(JSON.parse(ran.stdout), (ref) => isRemoved(ref, removals))
  if (member.place !== undefined)
    assert.deepEqual(await leftoversIn(member.place), [], `left at ${member.place}`)
}

async function membersOf(scene: Scene, random: Random, kinds: readonly Kind[]): Promise<readonly Member[]> {
  const members: Member[] = []
  for (const kind of kinds) members.push(await kind(scene, random))
  return members
}

/** The kinds in turn, shuffled anew each time they have all had it, so that few crowds suffice for all of them. */
function kindsInTurn({ seed, turn }: CrowdJob, kinds: readonly string[]): readonly string[] {
  return Array.from({ length: CROWD - 1 }, (_, at) => {
    const place = turn * (CROWD - 1) + at
    const round = Math.floor(place / kinds.length)
    return shuffled(createRandom(`${seed}:kinds:${round}`), kinds)[place % kinds.length] as string
  })
}

function shuffled<T>(random: Random, items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

function besideGc(lived: readonly Lived[]): readonly string[] {
  const collectors = lived.filter(({ member }) => member.kind === 'gc')
  const isBeside = (one: Lived, other: Lived): boolean =>
    one !== other && one.from + LOADED_MS < other.to && other.from + LOADED_MS < one.to
  return lived.filter((one) => collectors.some((gc) => isBeside(one, gc))).map(({ member }) => member.kind)
}

function describe({ member, ran, from, to }: Lived): string {
  const span = `${Math.round(from)}-${Math.round(to)} ms`
  const said = ran.code === 0 ? '' : ` ${ran.stdout}${ran.stderr}`.slice(0, 500).trimEnd()
  return `${span} ${member.args.join(' ')}: ${ran.signal ?? ran.code}${said}`
}
