import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openStore, type Store } from '../src/store/index.ts'
import { add } from '../src/workflows/add.ts'
import { tag } from '../src/workflows/tag.ts'
import { type Running, start } from '../test/fixtures/command.ts'
import { eventually } from '../test/fixtures/wait.ts'
import { type Answers, type Phase, startReplicaLoad } from './replica-load.ts'
import { type Cleanups, declareReloads, type Replica, type Service, startReplicas } from './replicas.ts'
import { type Growth, watchResident } from './resident.ts'

export interface SwapPlan {
  readonly directory: string
  readonly services: readonly Service[]
  /** Moves of each service's tag. */
  readonly swaps: number
  /** From one move to the next, at least. */
  readonly everyMs: number
  /** Versions of each model, which take turns. With enough of them none is left in the target when its turn comes again. */
  readonly versions: number
  /** Requests a second of all services together. */
  readonly rate: number
  /** In how many blocks the swaps come, each after a time without any, of so many seconds. As long is warmed up. */
  readonly blocks: number
  readonly stillSeconds: number
}

export interface SwapReport {
  /** Milliseconds from a move of a tag until all replicas of its service have answered from it, by service. */
  readonly currentMs: Readonly<Record<string, readonly number[]>>
  readonly still: Answers
  readonly swapping: Answers
  readonly phases: readonly Phase[]
  /** By replica, and by service of the process that follows its tag. */
  readonly growth: Readonly<Record<string, Growth>>
}

const LONGEST_SWAP_MS = 20_000

interface Followed {
  readonly service: Service
  readonly replicas: readonly Replica[]
  readonly follower: Running
  /** The version that Ballast has last been told is served. */
  readonly served: () => number
}

/**
 * Services with two replicas each, on a target each that follows a tag and whose reload has to be proven, under a steady load:
 * tags are moved, and each next time only once every replica answers from the version and Ballast has it from all of them.
 */
export async function runReplicaSwaps(t: Cleanups, plan: SwapPlan): Promise<SwapReport> {
  const { services, swaps, blocks, rate, stillSeconds } = plan
  const store = await openStore(join(plan.directory, 'store'))
  for (const service of services) await addVersions(store, { service, versions: plan.versions })
  const followed = await followAll(t, store, plan)
  const load = startReplicaLoad(
    followed.map(({ service, replicas }) => ({
      name: service.name,
      urls: replicas.map(urlOf),
      rate: rate / services.length,
      expected: service.expected,
    })),
  )
  t.after(async () => load.close())
  const phases: Phase[] = []
  const during = async (kind: string, work: () => Promise<unknown>): Promise<void> => {
    load.begin(kind)
    await work()
    phases.push(await load.end())
  }
  await during('warm-up', () => sleep(stillSeconds * 1000))
  const resident = watchResident(pidsOf(followed))
  const currentMs: Record<string, number[]> = Object.fromEntries(services.map(({ name }) => [name, []]))
  let swap = 0
  for (let block = 1; block <= blocks; block++) {
    await during('still', () => sleep(stillSeconds * 1000))
    await during('swapping', async () => {
      for (; swap < (swaps * block) / blocks; swap++) {
        const pace = sleep(plan.everyMs)
        const number = ((swap + 1) % plan.versions) + 1
        for (const [name, ms] of Object.entries(
          await swapAll(store, { followed, number, seen: load.current }),
        ))
          currentMs[name]?.push(ms)
        await pace
      }
    })
  }
  const [still, swapping] = [await load.answers('still'), await load.answers('swapping')]
  return { currentMs, still, swapping, phases, growth: resident() }
}

function urlOf({ url }: Replica): string {
  return `${url}/predict?text=not%20bad`
}

/** Each of its own bytes: a file beside the model says which one it is. */
async function addVersions(
  store: Store,
  { service, versions }: { readonly service: Service; readonly versions: number },
): Promise<void> {
  for (let number = 1; number <= versions; number++) {
    const model = service.models[(number - 1) % service.models.length] as string
    await writeFile(join(model, 'release.txt'), `${number}\n`)
    await add(store, { name: service.name, sources: [model] })
  }
  await tag(store, [`${service.name}:1`, 'prod'])
}

/** Targets first, because the containers have them mounted; then who follows, who asks the containers. */
async function followAll(t: Cleanups, store: Store, plan: SwapPlan): Promise<readonly Followed[]> {
  const { directory, services } = plan
  const started = await Promise.all(
    services.map(async (service) => {
      const target = join(directory, `${service.name}-target`)
      const args = ['mount', `${service.name}:prod`, target, '--follow', '--once']
      const mounted = await start(args, { store: store.root, cwd: directory }).ended
      if (mounted.code !== 0) throw new Error(mounted.stderr)
      return { service, target, replicas: await startReplicas(t, { service, target }) }
    }),
  )
  await declareReloads(directory, started)
  const followed = started.map(({ service, target, replicas }) => {
    const args = ['mount', `${service.name}:prod`, target, '--follow']
    const follower = start(args, { store: store.root, cwd: directory })
    t.after(async () => {
      follower.kill()
      await follower.ended
    })
    let served = 0
    follower.child.stdout?.on('data', (text: string) => {
      served = Number(/:(\d+) is served\n(?![\s\S]*is served\n)/.exec(text)?.[1] ?? served)
    })
    return { service, replicas, follower, served: () => served }
  })
  for (const { replicas } of followed)
    for (const replica of replicas) await eventually(() => isReady(replica))
  return followed
}

async function isReady({ url }: Replica): Promise<void> {
  const { status } = await fetch(`${url}/health`)
  if (status !== 200) throw new Error(`${url} answers ${status}`)
}

function pidsOf(followed: readonly Followed[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    followed.flatMap(({ service, replicas, follower }) => [
      [`ballast for ${service.name}`, follower.child.pid ?? 0],
      ...replicas.map(({ pid }, at): [string, number] => [`${service.name} ${at + 1}`, pid]),
    ]),
  )
}

/** Moves the tags of all services; how long each took until it was answered from everywhere. */
async function swapAll(
  store: Store,
  {
    followed,
    number,
    seen,
  }: {
    readonly followed: readonly Followed[]
    readonly number: number
    readonly seen: ReturnType<typeof startReplicaLoad>['current']
  },
): Promise<Readonly<Record<string, number>>> {
  const took = followed.map(async ({ service: { name }, replicas, follower, served }) => {
    const moved = Date.now()
    await tag(store, [`${name}:${number}`, 'prod'])
    const isDone = (): boolean =>
      replicas.every((replica) => seen.get(urlOf(replica))?.number === number) && served() === number
    while (!isDone()) {
      if (Date.now() - moved > LONGEST_SWAP_MS) {
        throw new Error(`${name}:${number} is not served everywhere: ${follower.stdout().slice(-500)}`)
      }
      await sleep(10)
    }
    return [
      name,
      Math.max(...replicas.map((replica) => (seen.get(urlOf(replica))?.at ?? 0) - moved)),
    ] as const
  })
  return Object.fromEntries(await Promise.all(took))
}
