import type { Reader } from '../reader.ts'
import { indexIn, kept, lengthIn } from './arguments.ts'
import type { Frames } from './frames.ts'
import type { ArrayPayload } from './joblib-arrays.ts'
import type { Judge } from './judge.ts'
import type { Memo } from './memo.ts'
import type { Notes } from './notes.ts'
import type { Objects } from './objects.ts'
import { Malformed, type Stack, TooLarge } from './stack.ts'
import { type Dictionary, LIST, OTHER, textOf, type Value } from './values.ts'

/** In the memo: values that are more than a placeholder. */
const MOST_VALUES = 3_000_000
const LONGEST_TUPLE = 32

export interface OpcodeInput {
  readonly start: number
  readonly reader: Reader
  readonly stack: Stack
  readonly memo: Memo
  readonly frames: Frames
  readonly judge: Judge
  readonly objects: Objects
  readonly notes: Notes
  readonly line: () => string
  readonly literal: (code: number) => Value | undefined
}

export interface Opcodes {
  /** Does what an opcode says, whose argument is next in the reader. The end, or an array whose bytes follow. */
  step(code: number): 'stop' | ArrayPayload | undefined
  /** Whether it began with the number of its protocol. */
  hasHeader(): boolean
}

/** What each opcode of each protocol does to the stack and the memo (CPython, Lib/pickle.py). */
export function createOpcodes({
  start,
  reader,
  stack,
  memo,
  frames,
  judge,
  objects,
  notes,
  line,
  literal,
}: OpcodeInput): Opcodes {
  const { push, pop, top, popToMark } = stack
  const { importGlobal, call, make, instance, setItems, tuple, dropKept, build } = objects
  let memoized = 0
  let hasHeader = false

  const put = (index: number | undefined): void => {
    if (index === undefined) throw new Malformed('an index in it is no number')
    const value = kept(top())
    if (value !== OTHER && ++memoized > MOST_VALUES) throw new TooLarge('its memo is too large to follow')
    if (!memo.set(index, value)) throw new TooLarge('its memo is too large to follow')
  }
  const get = (index: number | undefined): void => {
    const value = index === undefined ? undefined : memo.get(index)
    if (value === undefined) throw new Malformed('it takes from its memo what is not there')
    push(value)
  }

  const step = (code: number): 'stop' | ArrayPayload | undefined => {
    switch (code) {
      case 0x28: // MARK
        stack.mark()
        break
      case 0x2e: // STOP
        pop()
        return 'stop'
      case 0x30: // POP
        stack.drop()
        break
      case 0x31: // POP_MARK
        stack.dropToMark()
        break
      case 0x32: // DUP
        push(top())
        break
      case 0x50: // PERSID
        if (!/^[\t\x20-\x7e]*$/.test(line())) throw new Malformed('it refers to something by what is no name')
        notes.report({
          rule: 'persistent',
          verdict: 'hostile',
          what: 'it refers to an object that is not in it',
        })
        push(OTHER)
        break
      case 0x51: // BINPERSID
        push(judge.persistent(pop()))
        break
      case 0x52: {
        // REDUCE
        const args = pop()
        call(pop(), args)
        break
      }
      case 0x61: // APPEND
        judge.keep(pop())
        judge.change(top(), 'list')
        break
      case 0x62: // BUILD
        return build()
      case 0x63: // GLOBAL
        push(importGlobal(line(), line()))
        break
      case 0x64: {
        // DICT
        const target: Dictionary = { kind: 'dictionary' }
        setItems(target, popToMark())
        push(target)
        break
      }
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        dropKept()
        judge.change(top(), 'list')
        break
      case 0x67: // GET
        get(indexIn(line()))
        break
      case 0x68: // BINGET
        get(reader.u8())
        break
      case 0x69: {
        // INST
        const cls = importGlobal(line(), line())
        instance(cls, popToMark())
        break
      }
      case 0x6a: // LONG_BINGET
        get(reader.u32())
        break
      case 0x6c: // LIST
        dropKept()
        push(LIST)
        break
      case 0x6f: {
        // OBJ
        const [cls, ...args] = popToMark()
        if (cls === undefined) throw new Malformed('it makes an object of nothing')
        instance(cls, args)
        break
      }
      case 0x70: // PUT
        put(indexIn(line()))
        break
      case 0x71: // BINPUT
        put(reader.u8())
        break
      case 0x72: // LONG_BINPUT
        put(reader.u32())
        break
      case 0x73: {
        // SETITEM
        const value = pop()
        const key = pop()
        setItems(top(), [key, value])
        break
      }
      case 0x74: {
        // TUPLE
        if (stack.aboveMark() <= LONGEST_TUPLE) tuple(popToMark())
        else {
          dropKept()
          push({ kind: 'tuple', items: undefined })
        }
        break
      }
      case 0x75: {
        // SETITEMS
        const items = popToMark()
        setItems(top(), items)
        break
      }
      case 0x80: // PROTO
        if (reader.u8() > 5) throw new Malformed('it is of a protocol that is not known')
        hasHeader ||= reader.position() === start + 2
        break
      case 0x81: {
        // NEWOBJ
        const args = pop()
        make(pop(), args)
        break
      }
      case 0x82: // EXT1
      case 0x83: // EXT2
      case 0x84: // EXT4
        reader.skip(code === 0x82 ? 1 : code === 0x83 ? 2 : 4)
        notes.imports++
        notes.report({
          rule: 'extension',
          verdict: 'hostile',
          what: "it imports by a number of Python's extension registry, so that nobody can tell what",
        })
        push(OTHER)
        break
      case 0x85: // TUPLE1
        tuple([pop()])
        break
      case 0x86: {
        // TUPLE2
        const second = pop()
        tuple([pop(), second])
        break
      }
      case 0x87: {
        // TUPLE3
        const third = pop()
        const second = pop()
        tuple([pop(), second, third])
        break
      }
      case 0x91: // FROZENSET
        dropKept()
        push(OTHER)
        break
      case 0x92: {
        // NEWOBJ_EX
        pop()
        const args = pop()
        make(pop(), args)
        break
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = textOf(pop())
        const module = textOf(pop())
        if (name !== undefined && module !== undefined) {
          push(importGlobal(module, name))
          break
        }
        notes.imports++
        notes.report({
          rule: 'unresolved',
          verdict: 'hostile',
          what: 'it imports something whose name is made while it is loaded',
        })
        push(OTHER)
        break
      }
      case 0x94: // MEMOIZE
        put(memo.size())
        break
      case 0x95: // FRAME
        frames.begin(lengthIn(reader))
        break
      case 0x97: // NEXT_BUFFER
        notes.report({ rule: 'persistent', verdict: 'hostile', what: 'it needs buffers that are not in it' })
        push(OTHER)
        break
      case 0x98: // READONLY_BUFFER
        break
      default: {
        const value = literal(code)
        if (value === undefined) throw new Malformed('it is no pickle from here on')
        push(value)
      }
    }
    return undefined
  }

  return { step, hasHeader: () => hasHeader }
}
