import type { RandomAccess } from '../../formats/index.ts'
import { createReader, type Reader } from '../reader.ts'
import { Damaged, NotRead } from './damaged.ts'
import { LzmaDecoder } from './lzma-decoder.ts'

const XZ_HEADER = 12
const LZMA2_FILTER = 0x21

/** Streams of xz one after another (xz-file-format.txt), of blocks of LZMA2 without other filters. */
export async function* unXz(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  while (reader.left() > 0) {
    await reader.prepare(XZ_HEADER)
    const header = reader.bytes(XZ_HEADER)
    if (header.subarray(0, 4).every((byte) => byte === 0)) {
      reader.seek(reader.position() - XZ_HEADER + 4)
      continue
    }
    if (header.toString('hex', 0, 6) !== 'fd377a585a00') throw new Damaged()
    const checkSize = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64][
      (header[7] as number) & 15
    ] as number
    for (;;) {
      await reader.prepare(1)
      const start = reader.position()
      const headerSize = (reader.u8() + 1) * 4
      if (headerSize === 4) {
        await skipIndex(reader, start)
        break
      }
      reader.seek(start)
      await reader.prepare(headerSize)
      const dictionary = dictionaryOf(reader.bytes(headerSize))
      const data = reader.position()
      yield* unLzma2(reader, dictionary)
      const used = reader.position() - data
      reader.skip(((4 - (used % 4)) % 4) + checkSize)
    }
    reader.skip(12)
  }
}

function dictionaryOf(header: Buffer): number {
  let at = 2
  const number = (): number => {
    let value = 0
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = header[at++]
      if (byte === undefined) throw new Damaged()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Damaged()
  }
  const flags = header[1] as number
  if ((flags & 3) !== 0) throw new NotRead('compressed by several filters of xz')
  if ((flags & 0x40) !== 0) number()
  if ((flags & 0x80) !== 0) number()
  if (number() !== LZMA2_FILTER) throw new NotRead('compressed by a filter of xz')
  if (number() !== 1) throw new Damaged()
  const bits = (header[at] as number) & 0x3f
  if (bits > 40) throw new Damaged()
  return bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** (Math.floor(bits / 2) + 11)
}

async function skipIndex(reader: Reader, start: number): Promise<void> {
  const number = async (): Promise<number> => {
    let value = 0
    for (let shift = 0; shift < 63; shift += 7) {
      await reader.prepare(1)
      const byte = reader.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new Damaged()
  }
  const records = await number()
  for (let index = 0; index < records * 2; index++) await number()
  const used = reader.position() - start
  reader.skip(((4 - (used % 4)) % 4) + 4)
}

async function* unLzma2(reader: Reader, dictionarySize: number): AsyncIterable<Uint8Array> {
  const decoder = new LzmaDecoder(dictionarySize)
  for (;;) {
    await reader.prepare(6)
    const control = reader.u8()
    if (control === 0) return
    if (control < 0x80) {
      if (control > 2) throw new Damaged()
      if (control === 1) decoder.resetDictionary()
      const length = bigEndian16(reader) + 1
      await reader.prepare(length)
      decoder.copyIn(Buffer.from(reader.bytes(length)))
      yield decoder.take()
      continue
    }
    const size = ((control & 0x1f) << 16) + bigEndian16(reader) + 1
    const length = bigEndian16(reader) + 1
    const reset = (control >> 5) & 3
    if (reset === 3) decoder.resetDictionary()
    if (reset >= 2) {
      await reader.prepare(1)
      decoder.setProperties(reader.u8())
    } else if (reset === 1) decoder.resetState()
    await reader.prepare(length)
    decoder.start(Buffer.from(reader.bytes(length)))
    for (let left = size; left > 0; ) {
      const before = decoder.made
      try {
        decoder.run(Math.min(left, 4096), -1)
      } finally {
        if (decoder.made > before) yield decoder.take()
      }
      if (decoder.made === before) throw new Damaged()
      left -= decoder.made - before
    }
  }
}

function bigEndian16(reader: Reader): number {
  const bytes = reader.bytes(2)
  return bytes.readUInt16BE(0)
}
