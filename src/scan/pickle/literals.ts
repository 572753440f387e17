import { Ended, type Reader } from '../reader.ts'
import { escaped, HOLDS_IMPORT, lengthIn, longOf, numberIn, quoted } from './arguments.ts'
import type { Notes } from './notes.ts'
import { LONGEST_KEPT_TEXT } from './operands.ts'
import { isTelling } from './telling.ts'
import { LIST, NONE, OTHER, type Value } from './values.ts'

const SHORTEST_NESTED = 8
const LOOKED_AT = 32

export interface LiteralInput {
  readonly reader: Reader
  readonly line: () => string
  readonly nest: Notes['nest']
}

/**
 * What opcodes put on the stack whose argument is all that they need: numbers, texts, bytes, and empty containers. Undefined for
 * other opcodes. Texts and bytes that may hold something themselves are noted.
 */
export function createLiterals({ reader, line, nest }: LiteralInput): (code: number) => Value | undefined {
  const noteNested = (at: number, length: number): void => {
    if (length < SHORTEST_NESTED) return
    const before = reader.position()
    reader.seek(at)
    const looked = Math.min(length, LOOKED_AT)
    const isOne = !reader.isReady(looked) || isTelling(reader.bytes(looked))
    reader.seek(before)
    if (isOne) nest({ at, length, mustBeKnown: false })
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
    const text = reader.bytes(length).toString('utf8')
    if (as === 'ascii') noteNested(at, length)
    else if (HOLDS_IMPORT.test(text)) nest({ at, length, mustBeKnown: false })
    // Not the same bytes again: what stands there is no name that could be looked up.
    return text.includes('\ufffd') ? OTHER : { kind: 'text', text }
  }

  return (code) => {
    switch (code) {
      case 0x46: // FLOAT
      case 0x4c: // LONG
        line()
        return OTHER
      case 0x49: // INT
        return numberIn(line())
      case 0x4a: // BININT
        return { kind: 'number', number: reader.i32() }
      case 0x4b: // BININT1
        return { kind: 'number', number: reader.u8() }
      case 0x4d: // BININT2
        return { kind: 'number', number: reader.u16() }
      case 0x8a: // LONG1
        return longOf(reader, reader.u8())
      case 0x8b: // LONG4
        return counted(reader.i32(), 'number')
      case 0x47: // BINFLOAT
        reader.skip(8)
        return OTHER
      case 0x4e: // NONE
        return NONE
      case 0x88: // NEWTRUE
        return { kind: 'number', number: 1 }
      case 0x89: // NEWFALSE
        return { kind: 'number', number: 0 }
      case 0x53: {
        // STRING
        const at = reader.position()
        const text = line()
        noteNested(at + 1, reader.position() - at - 3)
        return quoted(text)
      }
      case 0x54: // BINSTRING
        return counted(reader.i32(), 'ascii')
      case 0x55: // SHORT_BINSTRING
        return counted(reader.u8(), 'ascii')
      case 0x56: // UNICODE
        return escaped(line())
      case 0x58: // BINUNICODE
        return counted(reader.u32(), 'text')
      case 0x8c: // SHORT_BINUNICODE
        return counted(reader.u8(), 'text')
      case 0x8d: // BINUNICODE8
        return counted(lengthIn(reader), 'text')
      case 0x42: // BINBYTES
        return counted(reader.u32(), 'bytes')
      case 0x43: // SHORT_BINBYTES
        return counted(reader.u8(), 'bytes')
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return counted(lengthIn(reader), 'bytes')
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        return LIST
      case 0x7d: // EMPTY_DICT
        return { kind: 'dictionary' }
      case 0x29: // EMPTY_TUPLE
        return { kind: 'tuple', items: [] }
      default:
        return undefined
    }
  }
}
