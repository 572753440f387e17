import { PICKLE_OPCODES } from '../../formats/index.ts'
import type { Reader } from '../reader.ts'
import { TOO_LONG } from './arguments.ts'
import { Malformed } from './stack.ts'

export const LONGEST_KEPT_TEXT = 4096
/** An opcode with an argument of fixed length, or of up to 255 bytes. */
export const LONGEST_SHORT = 1 + 8 + 255
/** One with a text that is kept. */
const LONGEST_LONG = 1 + 8 + LONGEST_KEPT_TEXT
/** BINSTRING, BINUNICODE and BINUNICODE8: texts with a length of four or eight bytes. */
const LONG_TEXTS: ReadonlySet<number> = new Set([0x54, 0x58, 0x8d])
const LONGEST_LINE = 64 * 1024 * 1024
const LONGEST_PREPARED = 256 * 1024

/** How many lines the argument of an opcode is. */
const LINES: readonly number[] = Array.from({ length: 256 }, (_, code) => {
  const argument = PICKLE_OPCODES.get(code)?.argument
  return argument === 'two lines' ? 2 : argument === 'line' ? 1 : 0
})

/** The arguments of opcodes that are longer than `LONGEST_SHORT`, of which a reader has to be made ready. */
export interface Operands {
  /** Whether the argument of the opcode that was read can be read without waiting, as far as it is read at all. */
  areReady(code: number): boolean
  prepare(code: number): Promise<void>
  /** `TOO_LONG` in place of a line that is not kept. */
  line(): string
}

export function createOperands(reader: Reader): Operands {
  /** Where a line ends that is too long to be read. */
  let longLine: number | undefined

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

  return {
    areReady(code) {
      const lines = LINES[code] as number
      if (lines > 0) return reader.hasLines(lines)
      return !LONG_TEXTS.has(code) || reader.isReady(LONGEST_LONG)
    },
    prepare(code) {
      const lines = LINES[code] as number
      return lines > 0 ? prepareLines(lines) : reader.prepare(LONGEST_LONG)
    },
    line() {
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
    },
  }
}
