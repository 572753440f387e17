import type { Cursor } from './cursor.ts'
import { Malformed, TooLarge } from './random-access.ts'

export const VARINT = 0
export const FIXED64 = 1
export const LENGTH_DELIMITED = 2
export const FIXED32 = 5

/** One field of a message, before its value is read. */
export interface Field {
  readonly number: number
  readonly wire: number
  /** Of a varint. */
  readonly value: bigint
  /** Where the value of a length-delimited field begins and ends. */
  readonly start: number
  readonly end: number
}

export interface MessageBudget {
  fields: number
}

const LONGEST_VARINT = 10
const LARGEST_FIELD = (1 << 29) - 1

/**
 * Calls `onField` with each field of the message between the cursor and `end` (protobuf encoding). Values are skipped
 * unless `onField` reads them, so that weights are never read. Throws Malformed, and TooLarge beyond the budget.
 */
export async function eachField(
  cursor: Cursor,
  { end, budget }: { readonly end: number; readonly budget: MessageBudget },
  onField: (field: Field) => Promise<void> | undefined,
): Promise<void> {
  while (cursor.position() < end) {
    if (--budget.fields < 0) throw new TooLarge('it has too many parts to look through')
    const tag = Number(await readVarint(cursor))
    const number = Math.floor(tag / 8)
    const wire = tag % 8
    if (number < 1 || number > LARGEST_FIELD) throw new Malformed('one of its fields is impossible')
    const value = wire === VARINT ? await readVarint(cursor) : 0n
    const length = await lengthOf(cursor, wire)
    const start = cursor.position()
    if (start + length > end) throw new Malformed('one of its fields is longer than what it is in')
    await onField({ number, wire, value, start, end: start + length })
    cursor.seek(start + length)
  }
  if (cursor.position() !== end) throw new Malformed('one of its fields is longer than what it is in')
}

async function lengthOf(cursor: Cursor, wire: number): Promise<number> {
  if (wire === VARINT) return 0
  if (wire === FIXED64) return 8
  if (wire === FIXED32) return 4
  if (wire !== LENGTH_DELIMITED) throw new Malformed('one of its fields is of an unknown kind')
  const length = await readVarint(cursor)
  if (length > 2n ** 52n) throw new Malformed('one of its lengths is impossible')
  return Number(length)
}

export async function readVarint(cursor: Cursor): Promise<bigint> {
  if (!cursor.has(LONGEST_VARINT)) await cursor.want(LONGEST_VARINT)
  let low = 0
  for (let index = 0; index < 4; index++) {
    if (!cursor.has(1)) throw new Malformed('it ends too early')
    const byte = cursor.u8()
    low += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return BigInt(low)
  }
  let value = BigInt(low)
  for (let index = 4; index < LONGEST_VARINT; index++) {
    if (!cursor.has(1)) throw new Malformed('it ends too early')
    const byte = cursor.u8()
    value += BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
  throw new Malformed('one of its numbers is too long')
}
