/** How an opcode's argument is laid out behind it. Numbers are sizes in bytes. */
export type Argument = number | 'line' | 'two lines' | 'counted 1' | 'counted 4' | 'counted 8'

export interface Opcode {
  readonly argument: Argument
  /** Values taken from the stack; `mark`: all down to the last mark, with it. */
  readonly pops: number | 'mark'
  readonly pushes: number
  /** What runs code: an import, or a call of what was imported. */
  readonly does?: 'import' | 'call'
}

function op(argument: Argument, pops: number | 'mark', pushes: number, does?: 'import' | 'call'): Opcode {
  return { argument, pops, pushes, ...(does !== undefined && { does }) }
}

export const MARK = 0x28
export const STOP = 0x2e
export const POP = 0x30
export const PROTO = 0x80
export const FRAME = 0x95

/** Every opcode up to protocol 5 (CPython, Lib/pickletools.py) but MARK and STOP. */
export const OPCODES: ReadonlyMap<number, Opcode> = new Map([
  [POP, op(0, 1, 0)],
  [0x31, op(0, 'mark', 0)],
  [0x32, op(0, 1, 2)],
  [0x46, op('line', 0, 1)],
  [0x49, op('line', 0, 1)],
  [0x4a, op(4, 0, 1)],
  [0x4b, op(1, 0, 1)],
  [0x4c, op('line', 0, 1)],
  [0x4d, op(2, 0, 1)],
  [0x4e, op(0, 0, 1)],
  [0x50, op('line', 0, 1)],
  [0x51, op(0, 1, 1)],
  [0x52, op(0, 2, 1, 'call')],
  [0x53, op('line', 0, 1)],
  [0x54, op('counted 4', 0, 1)],
  [0x55, op('counted 1', 0, 1)],
  [0x56, op('line', 0, 1)],
  [0x58, op('counted 4', 0, 1)],
  [0x61, op(0, 2, 1)],
  [0x62, op(0, 2, 1, 'call')],
  [0x63, op('two lines', 0, 1, 'import')],
  [0x64, op(0, 'mark', 1)],
  [0x7d, op(0, 0, 1)],
  [0x65, op(0, 'mark', 0)],
  [0x67, op('line', 0, 1)],
  [0x68, op(1, 0, 1)],
  [0x69, op('two lines', 'mark', 1, 'call')],
  [0x6a, op(4, 0, 1)],
  [0x6c, op(0, 'mark', 1)],
  [0x5d, op(0, 0, 1)],
  [0x6f, op(0, 'mark', 1, 'call')],
  [0x70, op('line', 0, 0)],
  [0x71, op(1, 0, 0)],
  [0x72, op(4, 0, 0)],
  [0x73, op(0, 3, 1)],
  [0x74, op(0, 'mark', 1)],
  [0x29, op(0, 0, 1)],
  [0x75, op(0, 'mark', 0)],
  [0x47, op(8, 0, 1)],
  [0x42, op('counted 4', 0, 1)],
  [0x43, op('counted 1', 0, 1)],
  [PROTO, op(1, 0, 0)],
  [0x81, op(0, 2, 1, 'call')],
  [0x82, op(1, 0, 1, 'import')],
  [0x83, op(2, 0, 1, 'import')],
  [0x84, op(4, 0, 1, 'import')],
  [0x85, op(0, 1, 1)],
  [0x86, op(0, 2, 1)],
  [0x87, op(0, 3, 1)],
  [0x88, op(0, 0, 1)],
  [0x89, op(0, 0, 1)],
  [0x8a, op('counted 1', 0, 1)],
  [0x8b, op('counted 4', 0, 1)],
  [0x8c, op('counted 1', 0, 1)],
  [0x8d, op('counted 8', 0, 1)],
  [0x8e, op('counted 8', 0, 1)],
  [0x8f, op(0, 0, 1)],
  [0x90, op(0, 'mark', 0)],
  [0x91, op(0, 'mark', 1)],
  [0x92, op(0, 3, 1, 'call')],
  [0x93, op(0, 2, 1, 'import')],
  [0x94, op(0, 0, 0)],
  [FRAME, op(8, 0, 0)],
  [0x96, op('counted 8', 0, 1)],
  [0x97, op(0, 0, 1)],
  [0x98, op(0, 1, 1)],
])
