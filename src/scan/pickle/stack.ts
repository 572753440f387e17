import type { Value } from './values.ts'

/** It is no pickle, or no whole one. */
export class Malformed extends Error {}

/** It may well be one, but to follow it more memory would be taken than is reasonable. */
export class TooLarge extends Error {}

/** The stack of a pickle with its marks. Throws Malformed where more is taken than is there, TooLarge where it grows too large. */
export interface Stack {
  push(value: Value): void
  pop(): Value
  top(): Value
  /** A value, or a mark where nothing is above it. */
  drop(): void
  mark(): void
  /** Everything above the last mark, and the mark. */
  popToMark(): Value[]
  /** The same where nothing of it matters. */
  dropToMark(): void
  /** Each value above the last mark. */
  eachToMark(look: (value: Value) => void): void
  height(): number
  /** How many values are above the last mark. */
  aboveMark(): number
  copy(): { readonly values: Value[]; readonly marks: number[] }
}

const MOST_VALUES = 3_000_000
const MOST_MARKS = 100_000
const MOST_AT_ONCE = 1_000_000

/** Empty, or as another one is now. */
export function createStack(from?: Stack): Stack {
  const { values, marks } = from?.copy() ?? { values: [], marks: [] }
  const floor = (): number => marks.at(-1) ?? 0
  const require = (): void => {
    if (values.length <= floor()) throw new Malformed('it takes more from its stack than is there')
  }
  const popMark = (): number => {
    const mark = marks.pop()
    if (mark === undefined) throw new Malformed('it takes more from its stack than is there')
    return mark
  }
  const pop = (): Value => {
    require()
    return values.pop() as Value
  }
  return {
    push(value) {
      if (values.length >= MOST_VALUES) throw new TooLarge('its stack is too large to follow')
      values.push(value)
    },
    pop,
    top() {
      require()
      return values.at(-1) as Value
    },
    drop() {
      if (marks.length > 0 && values.length === floor()) marks.pop()
      else pop()
    },
    mark() {
      if (marks.length >= MOST_MARKS) throw new TooLarge('its stack is too large to follow')
      marks.push(values.length)
    },
    popToMark() {
      const mark = popMark()
      // Python writes a thousand at a time; without all of them it could not be told what becomes of them.
      if (values.length - mark > MOST_AT_ONCE)
        throw new TooLarge('it has more values at once than can be followed')
      return values.splice(mark)
    },
    dropToMark() {
      values.length = popMark()
    },
    eachToMark(look) {
      for (let index = floor(); index < values.length; index++) look(values[index] as Value)
    },
    height: () => values.length,
    aboveMark: () => values.length - floor(),
    copy: () => ({ values: [...values], marks: [...marks] }),
  }
}
