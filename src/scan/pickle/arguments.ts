import { Ended, type Reader } from '../reader.ts'
import { OTHER, type Value } from './values.ts'

/** In place of a line that is not read. */
export const TOO_LONG = '\ufffd'
/** A text that is itself a pickle. */
export const HOLDS_IMPORT = /^\(*c[\w.]+\n[\w.]+\n/

/** What a name, a type of an array or a template of scipy may be; other texts need no room in the memo. */
const KEPT_TEXT = /^(?:[\w.<>|=-]{1,200}$|\ndef _parse_args)/

export function kept(value: Value): Value {
  return value.kind === 'text' && !KEPT_TEXT.test(value.text) ? OTHER : value
}

/** So that no chain of values grows without end: tuples in tuples keep one level of what is in them. */
export function shallow(value: Value): Value {
  if (value.kind === 'tuple') return { kind: 'tuple', items: value.items?.map(leaf) }
  return value
}

function leaf(value: Value): Value {
  return value.kind === 'tuple' && value.items?.some(({ kind }) => kind === 'tuple')
    ? { kind: 'tuple', items: undefined }
    : value
}

/** Whether something could be imported by it; what is read as opcodes by chance names things that could not. */
export function isName(text: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_.<>-]{0,255}$/u.test(text)
}

export function numberIn(text: string): Value {
  return /^-?\d{1,15}$/.test(text) ? { kind: 'number', number: Number(text) } : OTHER
}

/** As Python reads numbers. Undefined for what is none, and for what no memo has room for. */
export function indexIn(text: string): number | undefined {
  const digits = /^[ \t\v\f\r]*\+?(\d+(?:_\d+)*)[ \t\v\f\r]*$/.exec(text)?.[1]
  const index = digits === undefined ? Number.NaN : Number(digits.replaceAll('_', ''))
  return Number.isSafeInteger(index) ? index : undefined
}

export function lengthIn(reader: Reader): number {
  const length = reader.u64()
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new Ended()
  return Number(length)
}

export function longOf(reader: Reader, length: number): Value {
  if (length > reader.left()) throw new Ended()
  if (length > 6 || !reader.isReady(length)) {
    reader.skip(length)
    return OTHER
  }
  return { kind: 'number', number: length === 0 ? 0 : reader.bytes(length).readIntLE(0, length) }
}

/** What Python calls raw-unicode-escape. */
export function escaped(text: string): Value {
  if (text === TOO_LONG || text.includes('\\\\') || text.includes('\\U')) return OTHER
  const decode = (_: string, digits: string): string => String.fromCharCode(Number.parseInt(digits, 16))
  return { kind: 'text', text: text.replace(/\\u([0-9a-fA-F]{4})/g, decode) }
}

export function quoted(text: string): Value {
  const inner = /^\s*(['"])(.*)\1\s*$/s.exec(text)?.[2]
  return inner === undefined || inner.includes('\\') ? OTHER : { kind: 'text', text: inner }
}
