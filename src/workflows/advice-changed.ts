import { calibrate, decide, type Question, questionsOf, type Trend, trendOf } from '../advise/index.ts'
import { type Digest, digestOf, isBallastError, systemCode } from '../core/index.ts'
import { modelTimes } from '../embed/index.ts'
import { objectOf, parseJson, parseReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { factsOfModel, type ModelFacts, rateOf } from './advise-model.ts'
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
 * store's history alone, and again each time until `adviceRead`. Never fails and never matters.
 */
export async function adviceChanged(
  store: Store,
  { ref, used }: { readonly ref: string; readonly used: Strategy },
): Promise<ChangedAdvice | undefined> {
  try {
    const reference = parseReference(ref)
    const { name } = reference
    // Cheap, and the answer of most: before any version is read.
    if (rateOf(await modelTimes(store, reference), Date.now()) === undefined) return undefined
    const facts = await factsOfModel(store, ref)
    const told = await toldByHistory(store, facts)
    if (told === undefined) return undefined
    const { question, strategy: after } = told
    const before = await remembered(store, name)
    if (before === undefined) await remember(store, name, after)
    if (before === undefined || before === after || used === after) return undefined
    return { name, before, after, trend: trendOf(question, facts.growth) }
  } catch (error) {
    if (isBallastError(error) || systemCode(error) !== undefined) return undefined
    throw error
  }
}

/** Somebody has read advice about the model: `adviceChanged` is silent until its answer is yet another. */
export async function adviceRead(store: Store, facts: ModelFacts): Promise<void> {
  if (facts.name === undefined) return
  // What was said may rest on flags, which the line after a command knows nothing of.
  const told = await toldByHistory(store, facts)
  if (told !== undefined) await remember(store, facts.name, told.strategy)
}

/** The answer for production where it is sure; less than a week of history tells nothing. */
async function toldByHistory(
  store: Store,
  { known: { modelUpdates, ...facts } }: ModelFacts,
): Promise<{ readonly question: Question; readonly strategy: Strategy } | undefined> {
  if (modelUpdates === undefined) return undefined
  const times = await readTimes(store)
  const { rates, machine } = calibrate(times)
  const known = { ...facts, modelUpdates, ...(times.length > 0 && { machine }) }
  const [question] = questionsOf({ environment: 'production' }, { known, rates })
  if (question === undefined) return undefined
  const { strategy } = decide(question)
  return strategy === 'depends' ? undefined : { question, strategy }
}

/** Nothing on a store that cannot be written. */
async function remember(store: Store, name: string, strategy: Strategy): Promise<void> {
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
