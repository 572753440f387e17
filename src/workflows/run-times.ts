import type { Observation, Step } from '../advise/index.ts'
import { digestOf, isBallastError, systemCode } from '../core/index.ts'
import { objectOf, parseJson } from '../model/index.ts'
import type { Store } from '../store/index.ts'

/** Kept of each step, the newest. */
export const MOST_TIMES = 200
/** In bytes. What is smaller tells how long a command takes to begin, and would push out what tells more. */
const LEAST_BYTES = 2 ** 20

const KIND = 'run-times'
/** Another process may write at the same time; whoever does not find its own afterwards writes again. */
const ATTEMPTS = 5

/**
 * Keeps what a step took in the store's cache, for advice. Never fails and never matters: nothing is kept of less than a
 * mebibyte, nor where the store cannot be written.
 */
export async function rememberTime(store: Store, observation: Observation): Promise<void> {
  if (!(observation.bytes >= LEAST_BYTES && observation.seconds > 0)) return
  try {
    await append(store, observation)
  } catch (error) {
    if (systemCode(error) === undefined && !isBallastError(error)) throw error
  }
}

/** What was kept, of each step the oldest first; nothing of what cannot be read. */
export async function readTimes(store: Store): Promise<readonly Observation[]> {
  const { STEP_NAMES } = await import('../advise/index.ts')
  const kept = await Promise.all(STEP_NAMES.map((step) => readStep(store, step)))
  return kept.flat()
}

async function append(store: Store, { step, bytes, seconds, overNetwork }: Observation): Promise<void> {
  await using session = await store.beginReading()
  if (!session.writable) return
  // Of runs that took equally long each is told by the instant.
  const own = { at: Date.now() + Math.random(), bytes, seconds, ...(overNetwork && { overNetwork }) }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const entries = await entriesOf(store, step)
    if (entries.some(({ at }) => at === own.at)) return
    const data = Buffer.from(JSON.stringify({ entries: [...entries, own].slice(-MOST_TIMES) }))
    await store.cache.put(session, KIND, { digest: keyOf(step), data })
  }
}

async function readStep(store: Store, step: Step): Promise<readonly Observation[]> {
  const entries = await entriesOf(store, step).catch((error: unknown) => {
    if (systemCode(error) === undefined) throw error
    return []
  })
  return entries.map(({ bytes, seconds, overNetwork }) => ({
    step,
    bytes,
    seconds,
    ...(overNetwork && { overNetwork }),
  }))
}

type Entry = Omit<Observation, 'step'> & { readonly at: number }

async function entriesOf(store: Store, step: Step): Promise<readonly Entry[]> {
  const data = await store.cache.get(KIND, keyOf(step))
  const { entries } = objectOf(data && parseJson(data))
  return Array.isArray(entries) ? entries.flatMap(entryFrom) : []
}

function entryFrom(value: unknown): readonly Entry[] {
  const { at, bytes, seconds, overNetwork } = objectOf(value)
  const isSound = [at, bytes, seconds].every((figure) => typeof figure === 'number' && figure >= 0)
  if (!isSound) return []
  return [{ at, bytes, seconds, overNetwork: overNetwork === true } as Entry]
}

function keyOf(step: Step): ReturnType<typeof digestOf> {
  return digestOf(Buffer.from(step))
}
