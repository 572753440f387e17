import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Running, start } from '../fixtures/command.ts'
import { createRandom, type Random } from '../fixtures/random.ts'
import { eventually } from '../fixtures/wait.ts'
import { FILES, type Source, startSource } from './following-source.ts'
import { startWatching, type Watched } from './following-watch.ts'

export interface FollowOptions {
  readonly directory: string
  readonly seed: string
  readonly targets: number
  readonly tags: number
  /** Of tags, at the source. */
  readonly moves: number
  /** How often the source is out of reach meanwhile, and how often the process is killed. */
  readonly outages: number
  readonly kills: number
  /** Of one version, in bytes. */
  readonly size: number
  /** What store and targets may take, in versions. */
  readonly budget: number
}

export interface FollowReport extends Watched {
  readonly swaps: number
  /** In bytes. */
  readonly budget: number
  /** From the last move until every target has the version of its tag. */
  readonly settledMs: number
}

const VERSIONS = 8
const MOVES_APART_MS = 150
const OUTAGE_MS = 1500

/**
 * `ballast serve --follow` over a store of its own, with targets that follow tags of a registry, while these are moved, the
 * registry goes out of reach and the process is killed; readers look at every target all the time. Throws where a target does
 * not end on the version of its tag.
 */
export async function followThroughTrouble(options: FollowOptions): Promise<FollowReport> {
  const random = createRandom(options.seed)
  const { directory, size } = options
  const source = await startSource(join(directory, 'source'), { versions: VERSIONS, size, random })
  const tags = Array.from({ length: options.tags }, (_, at) => `t${at}`)
  const standing = new Map<string, number>()
  const move = async (tag: string): Promise<void> => {
    const version = random.below(VERSIONS)
    await source.moveTag(tag, version)
    standing.set(tag, version)
  }
  for (const tag of tags) await move(tag)

  const followed = Array.from({ length: options.targets }, (_, at) => ({
    to: join(directory, 'targets', `${at}`),
    tag: tags[at % tags.length] ?? '',
  }))
  const node = join(directory, 'node')
  await mkdir(node, { recursive: true })
  await writeFile(join(node, 'ballast.yaml'), declare(followed, source))
  const budget = options.budget * size
  const process = startServing(node, budget)
  const watching = startWatching({
    links: followed.map(({ to }) => join(to, 'sentiment')),
    files: FILES,
    places: [join(node, 'store'), ...followed.map(({ to }) => to)],
  })
  const settle = (): Promise<void> =>
    eventually(async () => {
      for (const { to, tag } of followed) {
        assert.equal(
          await versionAt(to),
          source.digests[standing.get(tag) ?? -1],
          `${to} does not have ${tag}`,
        )
      }
    })
  try {
    await settle()
    await moveThrough(options, { random, tags, move, source, process })
    await source.comeBack()
    const settled = performance.now()
    await settle()
    const settledMs = Math.round(performance.now() - settled)
    return { ...(await watching.end()), budget, settledMs, swaps: process.swaps() }
  } finally {
    await watching.end()
    await process.end()
    await source.goAway()
  }
}

interface Trouble {
  readonly random: Random
  readonly tags: readonly string[]
  readonly move: (tag: string) => Promise<void>
  readonly source: Source
  readonly process: Serving
}

/** Outages and kills are spread over the moves; an outage may hold while the process is killed and begins again. */
async function moveThrough(
  { moves, outages, kills }: FollowOptions,
  { random, tags, move, source, process }: Trouble,
): Promise<void> {
  const pick = (count: number): ReadonlySet<number> =>
    new Set(Array.from({ length: count }, (_, at) => Math.floor(((at + random.next()) * moves) / count)))
  const [outageAt, killAt] = [pick(outages), pick(kills)]
  const returns: Promise<void>[] = []
  for (let at = 0; at < moves; at++) {
    await move(random.pick(tags))
    if (outageAt.has(at)) {
      await source.goAway()
      returns.push(sleep(OUTAGE_MS).then(source.comeBack))
    }
    if (killAt.has(at)) await process.killAndStart()
    await sleep(random.below(2 * MOVES_APART_MS))
  }
  await Promise.all(returns)
}

interface Serving {
  readonly swaps: () => number
  readonly killAndStart: () => Promise<void>
  /** With SIGTERM, which has to end it well. */
  readonly end: () => Promise<void>
}

function startServing(directory: string, budget: number): Serving {
  const begin = (): Running =>
    start(['serve', '--follow', '--status', '127.0.0.1:0', '--max-disk', `${budget}B`, '--json'], {
      store: join(directory, 'store'),
      cwd: directory,
    })
  let running = begin()
  let swaps = 0
  const count = (): number => running.stdout().split('"how":"delivered"').length - 1
  return {
    swaps: () => swaps + count(),
    async killAndStart() {
      running.kill()
      await running.ended
      swaps += count()
      running = begin()
    },
    async end() {
      running.child.kill('SIGTERM')
      const { code, signal, stdout, stderr } = await running.ended
      assert.equal(code, 0, `serve ended with ${code ?? signal}: ${stdout.slice(-2000)}${stderr}`)
    },
  }
}

function declare(
  followed: readonly { readonly to: string; readonly tag: string }[],
  { host, model }: Source,
): string {
  const targets = followed.map(({ to, tag }) => ({
    ref: `${model}:${tag}`,
    from: `${host}/${model}:${tag}`,
    to,
    ...{ follow: true, every: '250ms', keep: 0, grace: '1s' },
  }))
  return JSON.stringify({ targets })
}

async function versionAt(target: string): Promise<string | undefined> {
  const marker = await readFile(join(target, 'sentiment/.ballast/model.json'), 'utf8').catch(() => undefined)
  return marker === undefined ? undefined : (JSON.parse(marker) as { readonly digest: string }).digest
}
