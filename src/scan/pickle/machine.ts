import { setImmediate } from 'node:timers/promises'
import type { RandomAccess } from '../../model/index.ts'
import { createReader, Ended } from '../reader.ts'
import type { Finding } from '../verdict.ts'
import {
  escaped,
  HOLDS_IMPORT,
  indexIn,
  isName,
  kept,
  lengthIn,
  longOf,
  numberIn,
  quoted,
  shallow,
  TOO_LONG,
} from './arguments.ts'
import { type ArrayPayload, arrayPayload, isArrayWrapper } from './joblib-arrays.ts'
import { createJudge } from './judge.ts'
import { createMemo, type Memo } from './memo.ts'
import { createStack, Malformed, type Stack, TooLarge } from './stack.ts'
import { namesPower } from './standard-library.ts'
import { isTelling } from './telling.ts'
import {
  type Dictionary,
  flat,
  type Global,
  KEPT_KEYS,
  LIST,
  mayBeText,
  NONE,
  OTHER,
  type Tuple,
  textOf,
  type Value,
} from './values.ts'

/** Bytes of a pickle that may hold something themselves. */
export interface Nested {
  readonly at: number
  readonly length: number
  /** They are going to be loaded, so that they must be something that is known. */
  readonly mustBeKnown: boolean
}

export interface Walk {
  /** Behind the STOP, or where it could not go on. */
  readonly end: number
  readonly ended: 'stop' | 'malformed' | 'too large'
  /** Why it did not go on. */
  readonly why?: string
  readonly opcodes: number
  readonly hasHeader: boolean
  readonly imports: number
  readonly calls: number
  readonly findings: readonly Finding[]
  readonly nested: readonly Nested[]
  /** What is imported, for telling who wrote it. */
  readonly modules: ReadonlySet<string>
}

/** What is shared by all walks through a file. Time is bounded by it. */
export interface WalkBudget {
  opcodes: number
  /** For reading again, in another way, what was read. */
  otherwise: number
}

export interface WalkOptions {
  readonly budget: WalkBudget
  readonly signal?: AbortSignal | undefined
  /** Of arrays of objects in arrays of objects. */
  readonly depth?: number
}

const MOST_FINDINGS = 100
const MOST_NESTED = 10_000
/** That are going to be loaded. */
const MOST_LOADED = 100_000
/** In the memo: values that are more than a placeholder. */
const MOST_VALUES = 3_000_000
const MOST_INHERITED = 100_000
/** What fills up to where an array may begin, and the opcode that ends in it. */
const LONGEST_FILLING = 256
const MOST_MODULES = 1000
const LONGEST_LINE = 64 * 1024 * 1024
const LONGEST_KEPT_TEXT = 4096
const LONGEST_TUPLE = 32
/** Tuples of tuples beyond this are placeholders. */
const DEEPEST_ARRAYS = 16

/** What another reading of the same bytes begins with. */
interface Inherited {
  readonly stack: Stack
  readonly memo: Memo
}

/**
 * Follows a pickle of any protocol from `start` on, with its stack and its memo as far as they name or call something,
 * and judges each import, call and change. Nothing is executed. What cannot be told counts as hostile.
 *
 * joblib puts the bytes of arrays between opcodes; they are passed over, and read as opcodes too, as plain pickle would.
 */
export async function walkPickle(source: RandomAccess, start: number, options: WalkOptions): Promise<Walk> {
  return walk(source, start, options, undefined)
}

async function walk(
  source: RandomAccess,
  start: number,
  options: WalkOptions,
  inherited: Inherited | undefined,
): Promise<Walk> {
  const reader = createReader(source, start)
  const findings: Finding[] = []
  const nested: Nested[] = []
  const modules = new Set<string>()
  const memo = createMemo(inherited?.memo)
  const stack = createStack(inherited?.stack)
  let memoized = 0
  let opcodes = 0
  let imports = 0
  let calls = 0
  let hasHeader = false
  let opcodeAt = start
  /** Where the frame ends that it is in; -1 outside of frames. */
  let frameEnd = -1
  /** Of an array that follows. */
  let array: ArrayPayload | undefined
  /** Where a line ends that is too long to be read. */
  let longLine: number | undefined

  const reported = new Set<string>()
  const report = (finding: Omit<Finding, 'at'>, at = opcodeAt): void => {
    const key = `${finding.rule} ${finding.what}`
    if (reported.has(key) || reported.size >= MOST_FINDINGS) return
    reported.add(key)
    findings.push({ ...finding, at })
  }
  const nest = (item: Nested): void => {
    if (nested.length < (item.mustBeKnown ? MOST_LOADED : MOST_NESTED)) nested.push(item)
    else
      report({
        rule: 'unread',
        verdict: 'unreadable',
        what: 'it holds too many pickles in itself to read all',
      })
  }
  const judge = createJudge({ report, nest })
  /** Some readers take what is behind a frame from elsewhere than what is in it. */
  const reportFrame = (): void => {
    frameEnd = -1
    report({
      rule: 'malformed',
      verdict: 'hostile',
      what: 'its frames do not end where what is in them ends',
    })
  }

  const { push, pop, top, popToMark } = stack
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

  /** Of which `prepareLines` has made sure. */
  const line = (): string => {
    if (longLine !== undefined) {
      reader.seek(longLine + 1)
      longLine = undefined
      return TOO_LONG
    }
    const length = reader.lineLength()
    if (length === undefined) throw new Malformed('a line in it has no end')
    if (length > LONGEST_KEPT_TEXT) {
      reader.skip(length + 1)
      return TOO_LONG
    }
    const text = reader.bytes(length).toString('utf8')
    reader.skip(1)
    return text
  }
  const prepareLines = async (count: number): Promise<void> => {
    const begin = reader.position()
    for (let index = 0; index < count; index++) {
      const end = await reader.find(0x0a, LONGEST_LINE)
      if (end === undefined) throw new Malformed('a line in it has no end')
      reader.seek(end + 1)
    }
    const length = reader.position() - begin
    reader.seek(begin)
    if (length <= LONGEST_PREPARED) await reader.prepare(length)
    else if (count === 1) longLine = begin + length - 1
    else throw new Malformed('a name in it is longer than any')
  }

  /** A value whose bytes follow. */
  const counted = (length: number, as: 'text' | 'ascii' | 'bytes' | 'number'): Value => {
    const at = reader.position()
    if (length < 0 || length > reader.left()) throw new Ended()
    if (as === 'bytes') {
      noteNested(at, length)
      reader.skip(length)
      return { kind: 'bytes', at, length }
    }
    if (length > LONGEST_KEPT_TEXT || as === 'number') {
      if (as === 'ascii') noteNested(at, length)
      reader.skip(length)
      return OTHER
    }
    const data = reader.bytes(length)
    const text = data.toString('utf8')
    if (as === 'ascii') noteNested(at, length)
    else if (HOLDS_IMPORT.test(text)) nest({ at, length, mustBeKnown: false })
    // Not the same bytes again: what stands there is no name that could be looked up.
    return text.includes('\ufffd') ? OTHER : { kind: 'text', text }
  }
  const noteNested = (at: number, length: number): void => {
    if (length < SHORTEST_NESTED) return
    const before = reader.position()
    reader.seek(at)
    const looked = Math.min(length, LOOKED_AT)
    const isOne = !reader.isReady(looked) || isTelling(reader.bytes(looked))
    reader.seek(before)
    if (isOne) nest({ at, length, mustBeKnown: false })
  }

  const importGlobal = (module: string, name: string): Global => {
    if (isName(module) && isName(name)) imports++
    else if (inherited !== undefined) throw new Malformed('it imports by what is no name')
    if (modules.size < MOST_MODULES) modules.add(module)
    const global: Global = { kind: 'global', module, name }
    judge.global(global)
    return global
  }
  const call = (callable: Value, args: Value): void => {
    calls++
    push(judge.call(callable, args))
  }
  const make = (cls: Value, args: Value): void => {
    calls++
    push(judge.make(cls, args))
  }
  const instance = (cls: Value, args: readonly Value[]): void => {
    for (const item of args) judge.keep(item)
    const tuple: Tuple = { kind: 'tuple', items: args }
    // Without arguments, a class is not called.
    if (args.length === 0) make(cls, tuple)
    else call(cls, tuple)
  }

  const setItems = (target: Value, items: readonly Value[]): void => {
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
  }

  /** As plain pickle would read on, for which the next bytes are opcodes like all others. */
  const readOtherwise = async (payload: ArrayPayload): Promise<void> => {
    if (stack.height() > MOST_INHERITED) throw new TooLarge('its stack is too large to follow')
    const end = reader.position() + payload.bytes + LONGEST_FILLING
    const otherwise = await walk(source, reader.position(), options, { stack, memo })
    if (otherwise.ended === 'too large') {
      report({ rule: 'too-large', verdict: 'unreadable', what: otherwise.why ?? 'it is too large' })
    }
    for (const finding of otherwise.findings.filter(({ rule }) => rule === 'call')) {
      // A pickle in the pickle has a memo of its own; read on with that of the outer one, its names are mixed up. So are
      // those behind figures that happen to be opcodes. What is mixed up names nothing that there is.
      const isOfArray = !payload.objects && (finding.at ?? 0) < end
      if (isOfArray || namesPower(finding.what)) report(finding, finding.at)
      else if (!payload.objects) report({ ...finding, rule: 'ambiguous', verdict: 'unreadable' }, finding.at)
    }
  }

  /** The bytes of an array follow, which joblib reads and plain pickle takes for opcodes. */
  const passArray = async (payload: ArrayPayload): Promise<void> => {
    if (frameEnd > reader.position()) reportFrame()
    frameEnd = -1
    await readOtherwise(payload)
    if (payload.aligned) {
      await reader.prepare(1)
      if (reader.left() === 0) throw new Ended()
      reader.skip(reader.u8())
    }
    if (!payload.objects) {
      reader.skip(payload.bytes)
      return
    }
    const depth = (options.depth ?? 0) + 1
    if (depth > DEEPEST_ARRAYS) throw new TooLarge('its arrays are nested too deeply')
    const inner = await walk(source, reader.position(), { ...options, depth }, undefined)
    for (const finding of inner.findings) report(finding, finding.at ?? opcodeAt)
    for (const item of inner.nested) nest(item)
    for (const module of inner.modules) modules.add(module)
    imports += inner.imports
    calls += inner.calls
    reader.seek(inner.end)
    if (inner.ended === 'malformed') throw new Malformed(inner.why ?? 'it is malformed')
    if (inner.ended === 'too large') throw new TooLarge(inner.why ?? 'it is too large')
  }

  const build = (): void => {
    const state = pop()
    const target = top()
    calls++
    judge.keep(state)
    judge.build(target, state)
    if (target.kind !== 'made') return
    if (state.kind === 'tuple') target.state = flat(state)
    // Plain pickle knows of no bytes between opcodes.
    if (inherited !== undefined || !isArrayWrapper(target)) return
    const payload = arrayPayload(state)
    if (payload === undefined) {
      throw new TooLarge('it has an array of joblib whose size cannot be told')
    }
    array = payload
  }

  const tuple = (items: readonly Value[]): void => {
    for (const item of items) judge.keep(item)
    push({ kind: 'tuple', items: items.map(shallow) })
  }
  const dropKept = (): void => {
    stack.eachToMark(judge.keep)
    stack.dropToMark()
  }

  /** False behind the end. */
  const step = (code: number): boolean => {
    switch (code) {
      case 0x28: // MARK
        stack.mark()
        break
      case 0x2e: // STOP
        pop()
        return false
      case 0x30: // POP
        stack.drop()
        break
      case 0x31: // POP_MARK
        stack.dropToMark()
        break
      case 0x32: // DUP
        push(top())
        break
      case 0x46: // FLOAT
      case 0x4c: // LONG
        line()
        push(OTHER)
        break
      case 0x49: // INT
        push(numberIn(line()))
        break
      case 0x4a: // BININT
        push({ kind: 'number', number: reader.i32() })
        break
      case 0x4b: // BININT1
        push({ kind: 'number', number: reader.u8() })
        break
      case 0x4d: // BININT2
        push({ kind: 'number', number: reader.u16() })
        break
      case 0x4e: // NONE
        push(NONE)
        break
      case 0x50: // PERSID
        if (!/^[\t\x20-\x7e]*$/.test(line())) throw new Malformed('it refers to something by what is no name')
        report({ rule: 'persistent', verdict: 'hostile', what: 'it refers to an object that is not in it' })
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
      case 0x53: {
        // STRING
        const at = reader.position()
        const text = line()
        noteNested(at + 1, reader.position() - at - 3)
        push(quoted(text))
        break
      }
      case 0x54: // BINSTRING
        push(counted(reader.i32(), 'ascii'))
        break
      case 0x55: // SHORT_BINSTRING
        push(counted(reader.u8(), 'ascii'))
        break
      case 0x56: {
        // UNICODE
        push(escaped(line()))
        break
      }
      case 0x58: // BINUNICODE
        push(counted(reader.u32(), 'text'))
        break
      case 0x61: // APPEND
        judge.keep(pop())
        judge.change(top(), 'list')
        break
      case 0x62: // BUILD
        build()
        break
      case 0x63: // GLOBAL
        push(importGlobal(line(), line()))
        break
      case 0x64: // DICT
        {
          const items = popToMark()
          const target: Dictionary = { kind: 'dictionary' }
          setItems(target, items)
          push(target)
        }
        break
      case 0x7d: // EMPTY_DICT
        push({ kind: 'dictionary' })
        break
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
      case 0x5d: // EMPTY_LIST
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
      case 0x29: // EMPTY_TUPLE
        tuple([])
        break
      case 0x75: {
        // SETITEMS
        const items = popToMark()
        setItems(top(), items)
        break
      }
      case 0x47: // BINFLOAT
        reader.skip(8)
        push(OTHER)
        break
      case 0x42: // BINBYTES
        push(counted(reader.u32(), 'bytes'))
        break
      case 0x43: // SHORT_BINBYTES
        push(counted(reader.u8(), 'bytes'))
        break
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
        imports++
        report({
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
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        push({ kind: 'number', number: code === 0x88 ? 1 : 0 })
        break
      case 0x8a: // LONG1
        push(longOf(reader, reader.u8()) ?? OTHER)
        break
      case 0x8b: // LONG4
        push(counted(reader.i32(), 'number'))
        break
      case 0x8c: // SHORT_BINUNICODE
        push(counted(reader.u8(), 'text'))
        break
      case 0x8d: // BINUNICODE8
        push(counted(lengthIn(reader), 'text'))
        break
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        push(counted(lengthIn(reader), 'bytes'))
        break
      case 0x8f: // EMPTY_SET
        push(LIST)
        break
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
        imports++
        report({
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
      case 0x95: {
        // FRAME
        const length = lengthIn(reader)
        if (frameEnd >= 0) reportFrame()
        // Python's own reader in C stops here, that in Python goes on.
        if (length > reader.left()) reportFrame()
        else frameEnd = reader.position() + length
        break
      }
      case 0x97: // NEXT_BUFFER
        report({ rule: 'persistent', verdict: 'hostile', what: 'it needs buffers that are not in it' })
        push(OTHER)
        break
      case 0x98: // READONLY_BUFFER
        break
      default:
        throw new Malformed('it is no pickle from here on')
    }
    return true
  }

  let ended: Walk['ended'] = 'stop'
  let why: string | undefined
  try {
    for (;;) {
      if (reader.left() === 0) throw new Ended()
      opcodeAt = reader.position()
      if (frameEnd >= 0 && opcodeAt >= frameEnd) {
        if (opcodeAt > frameEnd) reportFrame()
        frameEnd = -1
      }
      if (!reader.isReady(LONGEST_SHORT)) await reader.prepare(LONGEST_SHORT)
      opcodes++
      if (inherited !== undefined && --options.budget.otherwise < 0)
        throw new TooLarge('it would have to be read in too many ways')
      if (--options.budget.opcodes < 0) throw new TooLarge('it has too many opcodes to follow')
      if ((opcodes & 0xfffff) === 0) {
        await setImmediate()
        options.signal?.throwIfAborted()
      }
      const code = reader.u8()
      const lines = LINES[code]
      if (lines !== undefined && !reader.hasLines(lines)) await prepareLines(lines)
      else if (LONG_TEXTS.has(code) && !reader.isReady(LONGEST_LONG)) await reader.prepare(LONGEST_LONG)
      const goesOn = step(code)
      if (array !== undefined) {
        const payload = array
        array = undefined
        await passArray(payload)
      }
      if (goesOn) continue
      if (frameEnd >= 0 && reader.position() !== frameEnd) reportFrame()
      break
    }
  } catch (error) {
    if (error instanceof TooLarge) ended = 'too large'
    else if (error instanceof Malformed || error instanceof Ended) ended = 'malformed'
    else throw error
    why = (error as Error).message
  }
  return {
    end: ended === 'stop' ? reader.position() : opcodeAt,
    ended,
    ...(why !== undefined && { why }),
    opcodes,
    hasHeader,
    imports,
    calls,
    findings: withoutRepetition(findings),
    nested,
    modules,
  }
}

/** An import of what is called is told by the call. */
function withoutRepetition(findings: readonly Finding[]): readonly Finding[] {
  const called = new Set(
    findings.filter(({ rule }) => rule === 'call').map(({ what }) => what.split(' ').at(-1)),
  )
  return findings.filter(({ rule, what }) => rule !== 'global' || !called.has(what.split(' ').at(-1)))
}

/** An opcode with an argument of fixed length, or of up to 255 bytes. */
const LONGEST_SHORT = 1 + 8 + 255
/** One with a text that is kept. */
const LONGEST_LONG = 1 + 8 + LONGEST_KEPT_TEXT
/** STRING, BINSTRING and the like with a length of four or eight bytes. */
const LONG_TEXTS: ReadonlySet<number> = new Set([0x54, 0x58, 0x8d])
/** Opcodes whose arguments are lines, and how many. */
const LINES: Readonly<Record<number, number>> = {
  70: 1,
  73: 1,
  76: 1,
  80: 1,
  83: 1,
  86: 1,
  99: 2,
  103: 1,
  105: 2,
  112: 1,
}
const LONGEST_PREPARED = 256 * 1024
const SHORTEST_NESTED = 8
const LOOKED_AT = 32
