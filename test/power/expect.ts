import type { Files } from '../fixtures/store-facts.ts'
import { keyOf, NOTHING, type Observed, tagsOf } from './observe.ts'
import type { Step } from './workload.ts'

/** What a disk must still hold after a cut, and what may be there beside it because a command was at work. */
export interface Expectation {
  readonly model: string
  readonly before: Observed
  /** What the command that was at work would have made of it. */
  readonly atWork: Step | undefined
}

export interface ExpectedTarget {
  readonly target: string
  readonly files: Files
}

/** `noted`: the marks that the disk had been given before the cut. */
export function expectationsOf(steps: readonly Step[], noted: ReadonlySet<number>): readonly Expectation[] {
  const models = [...new Set(steps.map(({ model }) => model))].sort()
  return models.map((model) => {
    const own = steps.filter((step) => step.model === model)
    const before = own.findLast(({ ended }) => noted.has(ended))?.after ?? NOTHING
    return {
      model,
      before,
      atWork: own.find(({ started, ended }) => noted.has(started) && !noted.has(ended)),
    }
  })
}

/** Where nothing was at work: the last that was said to be there. */
export function targetsOf(steps: readonly Step[], noted: ReadonlySet<number>): readonly ExpectedTarget[] {
  const targets = new Map<string, ExpectedTarget>()
  for (const { delivered, started, ended } of steps) {
    if (delivered === undefined) continue
    if (noted.has(ended)) targets.set(delivered.target, delivered)
    else if (noted.has(started)) targets.delete(delivered.target)
  }
  return [...targets.values()]
}

/** What is lost, torn, or from nowhere. */
export function differences({ model, before, atWork }: Expectation, found: Observed): readonly string[] {
  const after = atWork?.after ?? before
  const problems: string[] = []
  const moves = new Set(found.moves.map(keyOf))
  const known = new Set([...before.moves, ...after.moves].map(keyOf))
  for (const move of before.moves)
    if (!moves.has(keyOf(move))) problems.push(`the move ${keyOf(move)} is lost`)
  for (const key of moves) if (!known.has(key)) problems.push(`the move ${key} was never made`)
  problems.push(
    ...compare('version', versionsOf(before), versionsOf(after), versionsOf(found)),
    ...compare('tag', tagsOf(before), tagsOf(after), tagsOf(found)),
    ...compare('what is attached to', figuresOf(before), figuresOf(after), figuresOf(found)),
  )
  return problems.map((problem) => `${model}: ${problem}`)
}

function versionsOf({ versions }: Observed): ReadonlyMap<string, string> {
  return new Map(versions.map(({ ref, digest }) => [ref, digest]))
}

function figuresOf({ versions }: Observed): ReadonlyMap<string, string> {
  return new Map(versions.map(({ ref, figures }) => [ref, JSON.stringify(figures)]))
}

function compare(
  what: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys(), ...found.keys()])].flatMap((key) => {
    const is = found.get(key)
    if (is === before.get(key) || is === after.get(key)) return []
    return [`${what} ${key} is ${is}; it was ${before.get(key)}, and might have become ${after.get(key)}`]
  })
}
