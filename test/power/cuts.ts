import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom, type Random } from '../fixtures/random.ts'
import { type Expected, problemsOn } from './check.ts'
import { makeFileSystem, mountImage, mountMemory, recordDisk, unmount } from './disk.ts'
import { type DiskEvent, readEvents } from './events.ts'
import { expectationsOf, targetsOf } from './expect.ts'
import { createReplay, writeImage } from './replay.ts'
import { type Step, storeOf, work } from './workload.ts'

export interface CutOptions {
  readonly cuts: number
  readonly seed: string
  readonly writers: number
  readonly steps: number
  /** False: the commands leave out what makes their writes durable. */
  readonly isSynced: boolean
  /** Of the file system: `data=writeback`. */
  readonly mountOptions: string
  readonly print: (line: string) => void
  /** Where the disk of a cut that lost something is kept. */
  readonly keep: string | undefined
}

export interface CutReport {
  readonly cuts: number
  /** With a command at work. */
  readonly atWork: Readonly<Record<string, number>>
  readonly writes: { readonly kept: number; readonly dropped: number; readonly torn: number }
  /** Checked over all cuts. */
  readonly acknowledged: { readonly moves: number; readonly versions: number; readonly targets: number }
  readonly failures: readonly string[]
}

/** Records what a store's disk is told, cuts its power at random instants, and looks at what is left each time. */
export async function cutPower(options: CutOptions): Promise<CutReport> {
  const root = await mkdtemp(join(tmpdir(), 'ballast-power-'))
  try {
    // Else each flush of the disk in the file would be one of the machine's own, which is not what is looked at.
    await mountMemory(root)
    try {
      return await cutBelow(root, options)
    } finally {
      await unmount(root)
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function cutBelow(root: string, options: CutOptions): Promise<CutReport> {
  const { seed, writers, steps, isSynced, mountOptions, print } = options
  const random = createRandom(seed)
  const [image, initial, sources] = [join(root, 'image'), join(root, 'initial'), join(root, 'sources')]
  await mkdir(sources)
  await makeFileSystem(image)
  await copyFile(image, initial)
  const disk = await recordDisk(root, image, mountOptions)
  let done: readonly Step[]
  try {
    await mkdir(storeOf(disk.path))
    done = await work({ disk, sources, random: createRandom(`${seed} work`), writers, steps, isSynced })
  } finally {
    await disk.close()
  }
  const events = await readEvents(disk.events)
  print(`recorded ${summaryOf(done)}: ${events.length} events, ${countOf(events, 'flush')} flushes`)

  const replay = createReplay(await readFile(initial), events)
  const instants = chooseInstants(events, options.cuts, random)
  const report = {
    atWork: {} as Record<string, number>,
    writes: { kept: 0, dropped: 0, torn: 0 },
    acknowledged: { moves: 0, versions: 0, targets: 0 },
    failures: [] as string[],
  }
  const path = join(root, 'after')
  await mkdir(path)
  const next = join(sources, '0-0')
  for (const [number, at] of instants.entries()) {
    const cut = replay.cut(at, random)
    const noted = new Set(
      events.slice(0, at).flatMap((event) => (event.kind === 'mark' ? [event.number] : [])),
    )
    const [models, targets] = [expectationsOf(done, noted), targetsOf(done, noted)]
    for (const { before, atWork } of models) {
      if (atWork !== undefined) report.atWork[atWork.verb] = (report.atWork[atWork.verb] ?? 0) + 1
      report.acknowledged.moves += before.moves.length
      report.acknowledged.versions += before.versions.length
    }
    report.acknowledged.targets += targets.length
    for (const fate of ['kept', 'dropped', 'torn'] as const) report.writes[fate] += cut[fate]
    // A file of its own: a container that starts meanwhile takes mounts along, and what it has still mounted it may still write to.
    const cutImage = join(root, `cut-${number}`)
    await writeImage(cutImage, cut.content)
    const problems = await problemsOf(cutImage, path, mountOptions, {
      models,
      targets,
      next,
      isCollected: number % 4 === 0,
    })
    if (problems.length > 0) {
      report.failures.push(...problems.map((problem) => `cut ${number} before event ${at}: ${problem}`))
      print(`cut ${number} before event ${at}: ${problems.join('; ')}`)
      if (options.keep !== undefined) await keepCut(options.keep, number, cut.content)
    }
    await rm(cutImage)
    if ((number + 1) % 25 === 0) print(`${number + 1} cuts`)
  }
  return { cuts: instants.length, ...report }
}

async function problemsOf(
  image: string,
  path: string,
  mountOptions: string,
  expected: Expected,
): Promise<readonly string[]> {
  try {
    await mountImage(image, path, mountOptions)
  } catch (error) {
    return [`the file system itself is lost: ${(error as Error).message}`]
  }
  try {
    return await problemsOn(path, expected)
  } catch (error) {
    return [(error as Error).message]
  } finally {
    await unmount(path)
  }
}

/** As the power left it, before anything was looked at. */
async function keepCut(directory: string, number: number, content: Buffer): Promise<void> {
  await mkdir(directory, { recursive: true })
  await writeImage(join(directory, `cut-${number}.ext4`), content)
}

function summaryOf(steps: readonly Step[]): string {
  const verbs = [...new Set(steps.map(({ verb }) => verb))].sort()
  const refused = steps.filter(({ isRefused }) => isRefused).length
  return `${verbs.map((verb) => `${steps.filter((step) => step.verb === verb).length} ${verb}`).join(', ')} (${refused} refused)`
}

function countOf(events: readonly DiskEvent[], kind: DiskEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length
}

/** From the first mark to the last; every other where most is in the disk's cache, just before it is told to write it down. */
function chooseInstants(events: readonly DiskEvent[], count: number, random: Random): readonly number[] {
  const from = events.findIndex(({ kind }) => kind === 'mark')
  const to = events.findLastIndex(({ kind }) => kind === 'mark')
  const full = events.flatMap(({ kind }, at) =>
    at > from && at <= to && kind === 'flush' && pendingAt(events, at) >= FULL ? [at] : [],
  )
  const instants = Array.from({ length: count }, (_, number) =>
    number % 2 === 1 && full.length > 0 ? random.pick(full) : from + random.below(to - from + 1),
  )
  return instants.sort((a, b) => a - b)
}

const FULL = 4

function pendingAt(events: readonly DiskEvent[], at: number): number {
  let pending = 0
  for (let before = at - 1; before >= 0 && events[before]?.kind !== 'flush'; before--) {
    if (events[before]?.kind === 'write') pending++
  }
  return pending
}
