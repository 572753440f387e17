import { decide, priceWays, type Question } from './decide.ts'
import { measured } from './quantity.ts'

/** How a model has grown, and what that did to the answer. Milliseconds since 1970, bytes, updates a month, seconds a month. */
export interface Trend {
  readonly since: number
  readonly fromBytes: number
  readonly toBytes: number
  readonly updatesPerMonth: number
  readonly codeUpdatesPerMonth: number
  readonly before: 'embed' | 'mount'
  readonly after: 'embed' | 'mount'
  /** What the answer of now saves against the best of the other strategy. */
  readonly savedSeconds: number
}

/** Less growth, and less time, is no trend. */
const GROWTH = 2
const SHORTEST_MS = 14 * 24 * 60 * 60_000

/**
 * Undefined where the model has not changed much, or the answer is no other than it was, or is not sure. `growth` is
 * oldest first; what else has changed since is not known, so all other inputs are those of now.
 */
export function trendOf(
  question: Question,
  growth: readonly { readonly time: number; readonly bytes: number }[],
): Trend | undefined {
  const first = growth[0]
  const last = growth.at(-1)
  if (first === undefined || last === undefined || first.bytes === 0) return undefined
  if (last.time - first.time < SHORTEST_MS || last.bytes < GROWTH * first.bytes) return undefined
  const after = decide(question)
  const inputs = { ...question.inputs, modelBytes: measured(first.bytes, 'the first version') }
  const before = decide({ ...question, inputs })
  if (after.strategy === 'depends' || after.way.strategy === before.way.strategy || after.other === undefined)
    return undefined
  const secondsOf = (name: string): number =>
    priceWays(question).find(({ way }) => way.name === name)?.seconds ?? Number.NaN
  return {
    since: first.time,
    fromBytes: first.bytes,
    toBytes: last.bytes,
    updatesPerMonth: question.inputs.modelUpdates.value,
    codeUpdatesPerMonth: question.inputs.codeUpdates.value,
    before: before.way.strategy,
    after: after.way.strategy,
    savedSeconds: secondsOf(after.other.name) - secondsOf(after.way.name),
  }
}
