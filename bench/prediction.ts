import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Answers,
  adviseFor,
  type Calibration,
  calibrate,
  given,
  type InputName,
  type Inputs,
  mapInputs,
  measured,
  type Observation,
  type WayAdvice,
} from '../src/advise/index.ts'
import { openStore } from '../src/store/index.ts'
import { factsOfModel } from '../src/workflows/advise-model.ts'
import { startCountingProxy } from '../test/doubles/counting-proxy.ts'
import { startDockerRegistry } from '../test/doubles/docker-registry.ts'
import { type Bench, runBench } from './bench.ts'
import { ballast, median, parseSize, rotated, rounded, withDirectory, writeRandomFile } from './harness.ts'
import { docker, type Gone, sizeOf, WAY_NAMES, WAYS, type WayName, type World } from './prediction-ways.ts'

const run = promisify(execFile)

const bench: Bench<'sizes' | 'runs'> = {
  title: 'What `ballast advise` predicts for an update, against what it takes',
  method:
    'Versions of models of four files and a small one (a sixteenth, at most 1 MiB), brought to a node that has the version ' +
    'before: the first one, one with another of the four files, one with another small file. Four ways: `ballast add`, ' +
    '`embed` into a registry and `docker pull` by an Engine that has the former image; `ballast add`, sending and fetching ' +
    'the changed files, `ballast mount --follow --once`; `docker build` with COPY, push and pull; `cp --update` into a ' +
    "directory and sync. Registry (Debian's docker-registry) and Engine are on this machine, behind a proxy that counts bytes, so no link " +
    'is measured, and the model gets none. Ballast has no command yet that fetches from another store: curl sends the ' +
    'files, and curl with sha256sum and sync fetches them, in place of it. Every other combination of size and change ' +
    "calibrates the rates of the model's steps; the others, which are shown, are predicted by the functions that answer " +
    '`ballast advise`, with the shares that it reads from the store. Incompressible bytes, in the page cache; the disk ' +
    'settled before each way, not between its steps; turns are taken.',
  parameters: {
    sizes: { fallback: '16MiB,64MiB,256MiB,768MiB', what: 'of the four files together' },
    runs: { fallback: '1', what: 'of everything; of several the median is shown. At most 4' },
  },
  needs: ['docker', 'docker-registry', 'curl', 'sha256sum', 'sync', 'cp'],
  measure: ({ sizes, runs }) =>
    withDirectory(async (directory) => {
      const registry = await startDockerRegistry()
      if (registry === undefined) throw new Error('docker-registry is not installed')
      const proxy = await startCountingProxy({ host: 'localhost', port: Number(registry.host.split(':')[1]) })
      const world = { directory, proxy, name: `ballast-bench-${process.pid}` }
      try {
        await prepare(world)
        const seen: Seen[][] = []
        let turn = 0
        for (let run = 0; run < Number(runs); run++) {
          const once: Seen[] = []
          for (const size of sizes.split(',')) {
            once.push(...(await deliverAll(world, { size, run, turn })))
            turn += CHANGES.length
          }
          seen.push(once)
        }
        return compare(seen)
      } finally {
        await removeImages(world)
        await proxy.close()
        await registry.close()
      }
    }),
}

const CHANGES = ['first version', 'one of four files', 'a small file'] as const
type Change = (typeof CHANGES)[number]

/** One combination: what `ballast advise` can know of it, and what each way took. */
interface Seen {
  readonly size: string
  readonly change: Change
  readonly inputs: Partial<Record<InputName, number>>
  readonly gone: Readonly<Record<WayName, Gone>>
}

/** The base is in Engine and registry, and known to the store: its bytes do not count. */
async function prepare({ directory, proxy, name }: World): Promise<void> {
  const root = join(directory, 'root')
  await mkdir(join(root, 'bin'), { recursive: true })
  await mkdir(join(root, 'app'))
  await copyFile('/bin/busybox', join(root, 'bin', 'busybox'))
  await run('tar', ['-C', root, '--owner=0', '--group=0', '-cf', join(directory, 'root.tar'), '.'])
  const base = `${proxy.host}/${name}:base`
  await docker('import', join(directory, 'root.tar'), base)
  await docker('push', '-q', base)
  const store = join(directory, 'embed-store')
  await ballast(store, ['add', 'nothing', join(root, 'bin')])
  await ballast(store, ['embed', 'nothing=/app/models', base, '-t', `${proxy.host}/${name}:nothing`])
}

/** The changes one after another, each on top of the one before. */
async function deliverAll(
  world: World,
  { size, run, turn }: { readonly size: string; readonly run: number; readonly turn: number },
): Promise<readonly Seen[]> {
  const { directory } = world
  const model = `m${size.toLowerCase()}-${run}`
  const files = join(directory, 'context', 'model')
  await mkdir(files, { recursive: true })
  const bytes = parseSize(size)
  const write = (file: string, length: number, seed: number): Promise<void> =>
    writeRandomFile(join(files, file), { size: length, seed: turn + seed })
  const seen: Seen[] = []
  for (const [at, change] of CHANGES.entries()) {
    const parts = change === 'first version' ? [1, 2, 3, 4] : change === 'one of four files' ? [3] : []
    // Other bytes in every version of every size: what differs by the seed differs everywhere.
    for (const part of parts) await write(`part-${part}.bin`, bytes / 4, 60 * at + 10 * part)
    if (change !== 'one of four files')
      await write('tokenizer.bin', Math.min(2 ** 20, bytes / 16), 60 * at + 50)
    const delivery = { model, number: at + 1, files }
    const gone = new Map<WayName, Gone>()
    for (const way of rotated(WAY_NAMES, turn + at)) gone.set(way, await WAYS[way](world, delivery))
    seen.push({
      size,
      change,
      inputs: { modelBytes: await sizeOf(files), ...(await sharesOf(world, delivery)) },
      gone: Object.fromEntries(gone) as Record<WayName, Gone>,
    })
  }
  await removeImages(world, (tag) => !tag.endsWith(':base'))
  for (const place of ['context', 'node', 'copied', `target-${model}`, 'mount-store'])
    await rm(join(directory, place), { recursive: true, force: true })
  return seen
}

/** What the last update changed, as `ballast advise` reads it of a tag that has made this one move. */
async function sharesOf(
  { directory }: World,
  { model, number }: { readonly model: string; readonly number: number },
): Promise<Partial<Record<InputName, number>>> {
  if (number === 1) return { changedShare: 1, sentShare: 1, pulledShare: 1 }
  const store = join(directory, 'embed-store')
  for (const each of [number - 1, number]) await ballast(store, ['tag', `${model}:${each}`, `move-${number}`])
  const { known } = await factsOfModel(await openStore(store), `${model}:move-${number}`)
  const { changedShare, sentShare, pulledShare } = known
  if (changedShare === undefined || sentShare === undefined || pulledShare === undefined)
    throw new Error(`nothing is known of the move to ${model}:${number}`)
  return { changedShare: changedShare.value, sentShare: sentShare.value, pulledShare: pulledShare.value }
}

function compare(runs: readonly (readonly Seen[])[]): Awaited<ReturnType<(typeof bench)['measure']>> {
  // A chessboard of sizes and changes.
  const isTest = (at: number): boolean => (Math.floor(at / CHANGES.length) + (at % CHANGES.length)) % 2 === 1
  const observations = runs.flatMap((seen) => seen.filter((_, at) => !isTest(at)).flatMap(observationsOf))
  const needed = [...new Set(observations.map(({ step }) => step))]
  const calibration = calibrate(observations, { needed })
  const tests = (runs[0] ?? [])
    .map((_, at) => runs.map((seen) => seen[at] as Seen))
    .filter((_, at) => isTest(at))
  const compared = tests.map((same) => compareOne(same, calibration))
  const all = compared.flat()
  const rankings = compared.map(rankingsOf)
  const claims = rankings.reduce((sum, { claimed }) => sum + claimed, 0)
  const percent = (errors: readonly number[]): number => rounded(100 * median(errors))
  const { low, high } = calibration.machine
  return {
    rows: all.map(({ size, change, way, predicted, seconds, bytes }) => ({
      size,
      change,
      way: way.title,
      'predicted s': rounded(predicted.seconds.value),
      'measured s': rounded(seconds),
      'error %': Math.round(100 * (predicted.seconds.value / seconds - 1)),
      'predicted bytes': Math.round(predicted.bytes.value),
      'measured bytes': bytes,
    })),
    bounds: [
      {
        what: 'median error of the predicted times, %',
        value: percent(all.map(({ predicted, seconds }) => Math.abs(predicted.seconds.value / seconds - 1))),
        atMost: 25,
      },
      {
        what: 'median error of the predicted bytes, %',
        value: percent(all.map(({ predicted, bytes }) => Math.abs(predicted.bytes.value / bytes - 1))),
        atMost: 25,
      },
      {
        what: `wrong ones of ${claims} rankings of two ways whose ranges (× ${rounded(low)} to ${rounded(high)}) lie apart`,
        value: rankings.reduce((sum, { wrong }) => sum + wrong, 0),
        atMost: 0,
      },
    ],
  }
}

function observationsOf({ gone }: Seen): readonly Observation[] {
  return WAY_NAMES.flatMap((way) => gone[way].steps)
}

interface Compared {
  readonly size: string
  readonly change: Change
  readonly way: WayAdvice
  readonly predicted: WayAdvice['update']
  readonly seconds: number
  readonly bytes: number
}

const ANSWERS: Answers = {
  environment: 'production',
  platform: 'docker',
  coupling: 'loose',
  team: 'same',
  nodeAccess: true,
  offline: false,
  local: false,
  immutable: false,
  scaleToZero: false,
  reload: true,
}

/** The same combination in each run. */
function compareOne(same: readonly Seen[], { rates, machine }: Calibration): readonly Compared[] {
  const { size, change, inputs } = same[0] as Seen
  const advice = adviseFor({ inputs: inputsOf(inputs, machine), answers: ANSWERS, rates })
  return WAY_NAMES.map((name) => {
    const way = advice.ways.find((one) => one.name === name) as WayAdvice
    const took = same.map(({ gone }) => gone[name])
    const secondsOf = ({ steps }: Gone): number => steps.reduce((sum, { seconds }) => sum + seconds, 0)
    return {
      ...{ size, change, way, predicted: way.update },
      seconds: median(took.map(secondsOf)),
      bytes: median(took.map(({ bytes }) => bytes)),
    }
  })
}

/** One node, one container, one application; no link, no pipeline, no start: nothing of it is measured. */
function inputsOf(known: Seen['inputs'], machine: Calibration['machine']): Inputs {
  const one: readonly InputName[] = ['nodes', 'replicas', 'apps', 'tenants', 'modelUpdates']
  return mapInputs((name) => {
    if (name === 'machine') return machine
    const value = known[name]
    return value === undefined ? given(one.includes(name) ? 1 : 0, 'the bench') : measured(value, 'the store')
  })
}

/** Two ways are ranked where the whole range of one lies below that of the other. */
function rankingsOf(ways: readonly Compared[]): { readonly claimed: number; readonly wrong: number } {
  const claims = ways.flatMap((one) =>
    ways
      .filter((other) => one.predicted.seconds.high < other.predicted.seconds.low)
      .map((other) => one.seconds < other.seconds),
  )
  return { claimed: claims.length, wrong: claims.filter((isRight) => !isRight).length }
}

async function removeImages(
  { proxy, name }: World,
  isMeant: (tag: string) => boolean = () => true,
): Promise<void> {
  const listed = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', `${proxy.host}/${name}`)
  const tags = listed.split('\n').filter((tag) => tag !== '' && isMeant(tag))
  if (tags.length > 0) await docker('rmi', '-f', ...tags)
}

await runBench(bench)
