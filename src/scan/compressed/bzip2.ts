import type { RandomAccess } from '../../formats/index.ts'
import { createReader, Ended } from '../reader.ts'
import { Damaged } from './damaged.ts'

const BLOCK = 0x314159265359
const END = 0x177245385090
/** No block takes more, compressed. */
const LARGEST_INPUT = 2 * 1024 * 1024
const CHUNK = 64 * 1024
const LONGEST_CODE = 20

/** Streams of bzip2 one after another. Checksums are not looked at: loaders get the bytes before. */
export async function* unBzip2(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  let first = true
  while (reader.left() > 0) {
    const begin = reader.position()
    const length = Math.min(LARGEST_INPUT, reader.left())
    await reader.prepare(length)
    let bits = createBits(Buffer.from(reader.bytes(length)))
    const isStream = bits.read(24) === 0x425a68
    const level = bits.read(8) - 0x30
    if (!isStream || level < 1 || level > 9) {
      // Python takes anything behind the first stream for nothing.
      if (!first) return
      throw new Damaged()
    }
    first = false
    let at = begin
    for (;;) {
      const kind = bits.read(24) * 2 ** 24 + bits.read(24)
      if (kind === END) break
      if (kind !== BLOCK) throw new Damaged()
      yield* unpackBlock(bits, level * 100_000)
      // The next block may begin within a byte.
      const used = bits.position()
      at += Math.floor(used / 8)
      reader.seek(at)
      const rest = Math.min(LARGEST_INPUT, reader.left())
      await reader.prepare(rest)
      bits = createBits(Buffer.from(reader.bytes(rest)), used % 8)
    }
    bits.read(16)
    bits.read(16)
    reader.seek(at + Math.ceil(bits.position() / 8))
  }
}

interface Bits {
  /** At most 24. */
  read(count: number): number
  bit(): number
  position(): number
}

function createBits(bytes: Buffer, start = 0): Bits {
  let at = start
  const end = bytes.length * 8
  const bit = (): number => {
    if (at >= end) throw new Ended()
    const value = ((bytes[at >> 3] as number) >> (7 - (at & 7))) & 1
    at++
    return value
  }
  return {
    bit,
    read(count) {
      let value = 0
      for (let index = 0; index < count; index++) value = (value << 1) | bit()
      return value >>> 0
    },
    position: () => at,
  }
}

function* unpackBlock(bits: Bits, largest: number): Iterable<Uint8Array> {
  bits.read(16)
  bits.read(16)
  if (bits.bit() === 1) throw new Damaged()
  const origin = bits.read(24)
  const symbols = readSymbols(bits)
  const trees = readTrees(bits, symbols.length + 2)
  const last = readMoved(bits, { symbols, largest, ...trees })
  yield* unsorted(last, origin)
}

function readSymbols(bits: Bits): number[] {
  const used = bits.read(16)
  const symbols: number[] = []
  for (let group = 0; group < 16; group++) {
    if ((used & (0x8000 >> group)) === 0) continue
    const inner = bits.read(16)
    for (let index = 0; index < 16; index++)
      if ((inner & (0x8000 >> index)) !== 0) symbols.push(group * 16 + index)
  }
  if (symbols.length === 0) throw new Damaged()
  return symbols
}

interface Tree {
  /** By length: the last code, what to take from a code for its place in `order`. */
  readonly limits: Int32Array
  readonly bases: Int32Array
  readonly order: Uint16Array
}

function readTrees(
  bits: Bits,
  size: number,
): { readonly trees: readonly Tree[]; readonly selectors: Uint8Array } {
  const count = bits.read(3)
  const selectorCount = bits.read(15)
  if (count < 2 || count > 6 || selectorCount === 0) throw new Damaged()
  const moved = Array.from({ length: count }, (_, index) => index)
  const selectors = new Uint8Array(selectorCount)
  for (let index = 0; index < selectorCount; index++) {
    let place = 0
    while (bits.bit() === 1) if (++place >= count) throw new Damaged()
    const [tree] = moved.splice(place, 1)
    moved.unshift(tree as number)
    selectors[index] = tree as number
  }
  const trees: Tree[] = []
  for (let index = 0; index < count; index++) {
    const lengths = new Uint8Array(size)
    let length = bits.read(5)
    for (let symbol = 0; symbol < size; symbol++) {
      for (;;) {
        if (length < 1 || length > LONGEST_CODE) throw new Damaged()
        if (bits.bit() === 0) break
        length += bits.bit() === 0 ? 1 : -1
      }
      lengths[symbol] = length
    }
    trees.push(treeOf(lengths))
  }
  return { trees, selectors }
}

function treeOf(lengths: Uint8Array): Tree {
  const order = new Uint16Array(lengths.length)
  const limits = new Int32Array(LONGEST_CODE + 2).fill(-1)
  const bases = new Int32Array(LONGEST_CODE + 2)
  let code = 0
  let place = 0
  for (let length = 1; length <= LONGEST_CODE; length++) {
    bases[length] = code - place
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue
      order[place++] = symbol
      code++
    }
    limits[length] = code - 1
    code <<= 1
  }
  return { limits, bases, order }
}

function readMoved(
  bits: Bits,
  {
    symbols,
    largest,
    trees,
    selectors,
  }: {
    readonly symbols: readonly number[]
    readonly largest: number
    readonly trees: readonly Tree[]
    readonly selectors: Uint8Array
  },
): Uint8Array {
  const moved = Uint8Array.from(symbols)
  const output = new Uint8Array(largest)
  const end = symbols.length + 1
  let length = 0
  let run = 0
  let weight = 1
  let selector = 0
  let left = 0
  let tree = trees[0] as Tree
  for (;;) {
    if (left === 0) {
      const chosen = trees[selectors[selector++] ?? 255]
      if (chosen === undefined) throw new Damaged()
      tree = chosen
      left = 50
    }
    left--
    const symbol = readSymbol(bits, tree)
    if (symbol <= 1) {
      run += weight << symbol
      weight <<= 1
      if (run > largest) throw new Damaged()
      continue
    }
    if (run > 0) {
      if (length + run > largest) throw new Damaged()
      output.fill(moved[0] as number, length, length + run)
      length += run
      run = 0
      weight = 1
    }
    if (symbol === end) return output.subarray(0, length)
    const place = symbol - 1
    const byte = moved[place]
    if (byte === undefined || length >= largest) throw new Damaged()
    moved.copyWithin(1, 0, place)
    moved[0] = byte
    output[length++] = byte
  }
}

function readSymbol(bits: Bits, { limits, bases, order }: Tree): number {
  let code = 0
  for (let length = 1; length <= LONGEST_CODE; length++) {
    code = (code << 1) | bits.bit()
    if (code <= (limits[length] as number)) return order[code - (bases[length] as number)] as number
  }
  throw new Damaged()
}

/** The inverse of the Burrows-Wheeler transform, then of the runs of equal bytes. */
function* unsorted(last: Uint8Array, origin: number): Iterable<Uint8Array> {
  if (last.length === 0) return
  if (origin >= last.length) throw new Damaged()
  const counts = new Uint32Array(257)
  for (const byte of last) counts[byte + 1] = (counts[byte + 1] as number) + 1
  for (let byte = 0; byte < 256; byte++)
    counts[byte + 1] = (counts[byte + 1] as number) + (counts[byte] as number)
  const next = new Uint32Array(last.length)
  for (let index = 0; index < last.length; index++) {
    const byte = last[index] as number
    next[counts[byte] as number] = index
    counts[byte] = (counts[byte] as number) + 1
  }
  let chunk = new Uint8Array(CHUNK)
  let filled = 0
  let at = next[origin] as number
  let same = 0
  let previous = -1
  for (let index = 0; index < last.length; index++) {
    const byte = last[at] as number
    at = next[at] as number
    let times = 1
    if (same === 4) {
      times = byte
      same = 0
    } else {
      same = byte === previous ? same + 1 : 1
      previous = byte
    }
    const value = same === 0 ? previous : byte
    if (same === 0) previous = -1
    for (; times > 0; times--) {
      chunk[filled++] = value
      if (filled < CHUNK) continue
      yield chunk
      chunk = new Uint8Array(CHUNK)
      filled = 0
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled)
}
