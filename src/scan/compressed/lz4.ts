import type { RandomAccess } from '../../formats/index.ts'
import { createReader } from '../reader.ts'
import { Damaged } from './damaged.ts'

const MAGIC = 0x184d2204
const SKIPPABLE = 0x184d2a50
const WINDOW = 64 * 1024
const LARGEST_BLOCKS: Readonly<Record<number, number>> = {
  4: 64 * 1024,
  5: 256 * 1024,
  6: 1024 * 1024,
  7: 4 * 1024 * 1024,
}

/** Frames of LZ4 one after another (lz4_Frame_format.md). Checksums are not looked at: loaders get the bytes before. */
export async function* unLz4(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  let history: Buffer = Buffer.alloc(0)
  while (reader.left() > 0) {
    await reader.prepare(16)
    const magic = reader.u32()
    if (magic >>> 4 === SKIPPABLE >>> 4) {
      reader.skip(reader.u32())
      continue
    }
    if (magic !== MAGIC) throw new Damaged()
    const flags = reader.u8()
    const largest = LARGEST_BLOCKS[(reader.u8() >> 4) & 7]
    if (flags >> 6 !== 1 || largest === undefined) throw new Damaged()
    const isLinked = (flags & 0x20) === 0
    reader.skip(((flags & 8) !== 0 ? 8 : 0) + ((flags & 1) !== 0 ? 4 : 0) + 1)
    history = Buffer.alloc(0)
    for (;;) {
      await reader.prepare(4)
      const head = reader.u32()
      if (head === 0) break
      const length = head & 0x7fffffff
      if (length > largest + 64) throw new Damaged()
      await reader.prepare(length)
      const block = reader.bytes(length)
      const output = head >>> 31 === 1 ? Buffer.from(block) : unpack(block, history, largest)
      yield output
      history = isLinked ? Buffer.concat([history, output]).subarray(-WINDOW) : Buffer.alloc(0)
      if ((flags & 0x10) !== 0) reader.skip(4)
    }
    if ((flags & 4) !== 0) reader.skip(4)
  }
}

function unpack(block: Buffer, history: Buffer, largest: number): Buffer {
  const output = Buffer.alloc(history.length + largest)
  history.copy(output)
  let to = history.length
  let at = 0
  const more = (start: number): number => {
    let length = start
    for (let byte = 255; byte === 255; ) {
      if (at >= block.length) throw new Damaged()
      byte = block[at++] as number
      length += byte
    }
    return length
  }
  while (at < block.length) {
    const token = block[at++] as number
    const literals = token >> 4 === 15 ? more(15) : token >> 4
    if (at + literals > block.length || to + literals > output.length) throw new Damaged()
    block.copy(output, to, at, at + literals)
    at += literals
    to += literals
    if (at >= block.length) break
    if (at + 2 > block.length) throw new Damaged()
    const distance = block.readUInt16LE(at)
    at += 2
    const length = ((token & 15) === 15 ? more(15) : token & 15) + 4
    if (distance === 0 || distance > to || to + length > output.length) throw new Damaged()
    for (let count = 0; count < length; count++, to++) output[to] = output[to - distance] as number
  }
  return output.subarray(history.length, to)
}
