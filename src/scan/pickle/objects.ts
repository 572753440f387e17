import { isName, shallow } from './arguments.ts'
import { type ArrayPayload, arrayPayload, isArrayWrapper } from './joblib-arrays.ts'
import type { Judge } from './judge.ts'
import type { Notes } from './notes.ts'
import { Malformed, type Stack, TooLarge } from './stack.ts'
import { flat, type Global, KEPT_KEYS, mayBeText, type Tuple, textOf, type Value } from './values.ts'

/** What opcodes do with objects on the stack, each deed put before the judge. */
export interface Objects {
  importGlobal(module: string, name: string): Global
  /** Calls the value below the arguments on the stack. */
  call(callable: Value, args: Value): void
  /** Makes an object of a class without calling it. */
  make(cls: Value, args: Value): void
  /** Makes an object as Python 2 did for classes of its old kind. */
  instance(cls: Value, args: readonly Value[]): void
  setItems(target: Value, items: readonly Value[]): void
  tuple(items: readonly Value[]): void
  /** Puts all above the last mark into something whose content is not followed. */
  dropKept(): void
  /** Gives the object on the stack its state. The array whose bytes follow, where joblib announces one so. */
  build(): ArrayPayload | undefined
}

export interface ObjectInput {
  readonly stack: Stack
  readonly judge: Judge
  readonly notes: Notes
  /** Bytes of an array are read as opcodes. */
  readonly isOtherwise: boolean
}

export function createObjects({ stack, judge, notes, isOtherwise }: ObjectInput): Objects {
  const { push, pop, top } = stack
  const call = (callable: Value, args: Value): void => {
    notes.calls++
    push(judge.call(callable, args))
  }
  const make = (cls: Value, args: Value): void => {
    notes.calls++
    push(judge.make(cls, args))
  }
  return {
    call,
    make,
    importGlobal(module, name) {
      if (isName(module) && isName(name)) notes.imports++
      else if (isOtherwise) throw new Malformed('it imports by what is no name')
      notes.nameModule(module)
      const global: Global = { kind: 'global', module, name }
      judge.global(global)
      return global
    },
    instance(cls, args) {
      for (const item of args) judge.keep(item)
      const tuple: Tuple = { kind: 'tuple', items: args }
      // Without arguments, a class is not called.
      if (args.length === 0) make(cls, tuple)
      else call(cls, tuple)
    },
    setItems(target, items) {
      judge.change(target, 'dictionary')
      for (const item of items) judge.keep(item)
      if (target.kind !== 'dictionary') return
      for (let index = 0; index + 1 < items.length; index += 2) {
        const key = textOf(items[index])
        if (key === undefined && mayBeText(items[index])) target.hasUnknownKey = true
        if (key === undefined || !KEPT_KEYS.has(key)) continue
        target.items ??= new Map()
        target.items.set(key, flat(items[index + 1] as Value))
      }
    },
    tuple(items) {
      for (const item of items) judge.keep(item)
      push({ kind: 'tuple', items: items.map(shallow) })
    },
    dropKept() {
      stack.eachToMark(judge.keep)
      stack.dropToMark()
    },
    build() {
      const state = pop()
      const target = top()
      notes.calls++
      judge.keep(state)
      judge.build(target, state)
      if (target.kind !== 'made') return undefined
      if (state.kind === 'tuple') target.state = flat(state)
      // Plain pickle knows of no bytes between opcodes.
      if (isOtherwise || !isArrayWrapper(target)) return undefined
      const payload = arrayPayload(state)
      if (payload === undefined) throw new TooLarge('it has an array of joblib whose size cannot be told')
      return payload
    },
  }
}
