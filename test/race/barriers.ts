import { AsyncLocalStorage } from 'node:async_hooks'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'

/**
 * Stops several pieces of work of one process before each of their file-system calls, and lets one call pass at a
 * time: which one, the caller chooses. The code under test knows nothing of it.
 */

/** A piece of work, with handles of its own on everything it shares with the others. */
export interface Actor {
  readonly name: string
  readonly work: () => Promise<unknown>
}

/** What waits at a barrier: an actor, and the call it is about to make. */
export interface Waiting {
  readonly actor: number
  /** Name of the call; `sleep` when it waits for another actor to get on. */
  readonly call: string
}

/** Chooses one of those that wait, by position; never called with none. */
export type Scheduler = (waiting: readonly Waiting[]) => number

export interface Interleaved {
  /** How each actor ended, in the order given. */
  readonly outcomes: readonly PromiseSettledResult<unknown>[]
  /** Which actor made which call, in the order that they were made. */
  readonly steps: readonly Waiting[]
}

interface Call {
  readonly name: string
  readonly pass: () => Promise<void>
}

interface Lane {
  readonly calls: Call[]
  isOver: boolean
  /** Number of steps when it began to sleep. */
  sleepsSince: number
}

const lanes = new AsyncLocalStorage<Lane>()

/** Runs all of them to their ends. `onStep` is called between two steps, when no call is under way. */
export async function interleave(
  actors: readonly Actor[],
  choose: Scheduler,
  onStep: (made: Waiting) => void = () => undefined,
): Promise<Interleaved> {
  install()
  const steps: Waiting[] = []
  const started = actors.map(({ work }) => {
    const lane: Lane = { calls: [], isOver: false, sleepsSince: 0 }
    const ended = lanes.run(lane, work).finally(() => {
      lane.isOver = true
    })
    ended.catch(() => undefined)
    return { lane, ended }
  })
  for (;;) {
    const live = started.filter(({ lane }) => !lane.isOver)
    if (live.length === 0) break
    // Between its calls an actor computes, or reads a stream; all have to have arrived before one is let go.
    if (live.some(({ lane }) => lane.calls.length === 0)) {
      await tick()
      continue
    }
    const waiting = started.flatMap(({ lane }, actor): Waiting[] => {
      const call = lane.isOver ? undefined : lane.calls[0]?.name
      if (call === undefined) return []
      // Whoever polls sees nothing new before another actor has moved.
      const isIdle = call === 'sleep' && live.length > 1 && lane.sleepsSince === steps.length
      return isIdle ? [] : [{ actor, call }]
    })
    const made = waiting[choose(waiting)] as Waiting
    const lane = started[made.actor]?.lane as Lane
    const call = lane.calls.shift() as Call
    steps.push(made)
    await call.pass()
    lane.sleepsSince = steps.length
    await tick()
    await tick()
    onStep(made)
  }
  return { outcomes: await Promise.allSettled(started.map(({ ended }) => ended)), steps }
}

function tick(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

let isInstalled = false

function install(): void {
  if (isInstalled) return
  isInstalled = true
  wrapAll(promises as unknown as Methods)
  const { setTimeout: sleep } = timers
  timers.setTimeout = ((...args: Parameters<typeof sleep>) =>
    lanes.getStore() === undefined ? sleep(...args) : atBarrier('sleep', async () => args[1])) as typeof sleep
  syncBuiltinESMExports()
}

// biome-ignore lint/complexity/noBannedTypes: any method of the module
type Methods = Record<string, Function>

function wrapAll(methods: Methods): void {
  for (const [name, original] of Object.entries(methods)) {
    if (typeof original !== 'function') continue
    methods[name] = function stopped(this: unknown, ...args: unknown[]): unknown {
      const call = (): unknown => Reflect.apply(original, this, args)
      return lanes.getStore() === undefined ? call() : atBarrier(name, call)
    }
  }
}

function atBarrier(name: string, call: () => unknown): Promise<unknown> {
  const lane = lanes.getStore() as Lane
  return new Promise((resolve, reject) => {
    const pass = async (): Promise<void> => {
      try {
        resolve(await call())
      } catch (error) {
        reject(error)
      }
    }
    lane.calls.push({ name, pass })
  })
}

/** Power does not fail in these tests, and to wait for the disk takes most of their time. */
export async function skipSyncs(): Promise<void> {
  const handle: FileHandle = await promises.open('/dev/null', 'r')
  Object.assign(Object.getPrototypeOf(handle), {
    sync: async () => undefined,
    datasync: async () => undefined,
  })
  await handle.close()
}
