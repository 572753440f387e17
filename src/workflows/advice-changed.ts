import { calibrate, decide, questionsOf, type Trend, trendOf } from '../advise/index.ts'
import { type Digest, digestOf, isBallastError, systemCode } from '../core/index.ts'
import { objectOf, parseJson, parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { factsOfModel } from './advise-model.ts'
import { readTimes } from './run-times.ts'

type Strategy = 'embed' | 'mount'

export interface ChangedAdvice {
  readonly name: string
  readonly before: Strategy
  readonly after: Strategy
  readonly trend: Trend | undefined
}

const KIND = 'advice'

/**
 * Whether the answer for production is now a sure other one than it was, and than what has just been done; told by the
 * store's history alone, and again each time until `rememberAdvice`. Never fails and never matters.
 */
export async function adviceChanged(
  store: Store,
  { ref, used }: { readonly ref: string; readonly used: Strategy },
): Promise<ChangedAdvice | undefined> {
  try {
    const { name } = parseReference(ref)
    const facts = await factsOfModel(store, ref)
    // Less than a week of history tells nothing.
    if (facts.known.modelUpdates === undefined) return undefined
    const times = await readTimes(store)
    const { rates, machine } = calibrate(times)
    const known = { ...facts.known, ...(times.length > 0 && { machine }) }
    const [question] = questionsOf({ environment: 'production' }, { known, rates })
    if (question === undefined) return undefined
    const { strategy: after } = decide(question)
    const before = await remembered(store, name)
    if (after === 'depends') return undefined
    if (before === undefined) await rememberAdvice(store, name, after)
    if (before === undefined || before === after || used === after) return undefined
    return { name, before, after, trend: trendOf(question, facts.growth) }
  } catch (error) {
    if (isBallastError(error) || systemCode(error) !== undefined) return undefined
    throw error
  }
}

/** From now on this is the answer that has been read; nothing on a store that cannot be written. */
export async function rememberAdvice(store: Store, name: string, strategy: Strategy): Promise<void> {
  await using session = await store.beginReading()
  const data = Buffer.from(JSON.stringify({ strategy }))
  await store.cache.put(session, KIND, { digest: keyOf(name), data })
}

async function remembered(store: Store, name: string): Promise<Strategy | undefined> {
  const data = await store.cache.get(KIND, keyOf(name))
  const { strategy } = objectOf(data && parseJson(data))
  return strategy === 'embed' || strategy === 'mount' ? strategy : undefined
}

function keyOf(name: string): Digest {
  return digestOf(Buffer.from(name))
}
