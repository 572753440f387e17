import type { RandomAccess } from '../../formats/index.ts'
import { createReader, Ended, type Reader } from '../reader.ts'
import { Damaged } from './damaged.ts'
import { LzmaDecoder } from './lzma-decoder.ts'

const CHUNK = 256 * 1024
/** No step of the decoder reads more. */
const MOST_PER_STEP = 64

/** A file of LZMA alone: properties, size of the dictionary, size or -1. */
export async function* unLzma(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  await reader.prepare(13)
  const properties = reader.u8()
  const dictionary = reader.u32()
  const size = reader.u64()
  yield* unStream(reader, {
    properties,
    dictionary,
    size: size === 0xffffffffffffffffn ? undefined : Number(size),
  })
}

/** As zip has it (APPNOTE 5.8): the version of the library, the length of the properties, these. It has an end mark. */
export async function* unZipLzma(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  await reader.prepare(9)
  reader.skip(2)
  if (reader.u16() !== 5) throw new Damaged()
  yield* unStream(reader, { properties: reader.u8(), dictionary: reader.u32(), size: undefined })
}

async function* unStream(
  reader: Reader,
  {
    properties,
    dictionary,
    size = Number.POSITIVE_INFINITY,
  }: { readonly properties: number; readonly dictionary: number; readonly size: number | undefined },
): AsyncIterable<Uint8Array> {
  const decoder = new LzmaDecoder(dictionary)
  decoder.setProperties(properties)
  let isStarted = false
  for (;;) {
    const begin = reader.position()
    const length = Math.min(CHUNK, reader.left())
    await reader.prepare(length)
    const bytes = Buffer.from(reader.bytes(length))
    if (isStarted) decoder.give(bytes)
    else decoder.start(bytes)
    isStarted = true
    const isLast = reader.left() === 0
    for (;;) {
      const before = decoder.made
      const most = Math.min(4096, size - decoder.made)
      try {
        decoder.run(most, isLast ? -1 : MOST_PER_STEP)
      } finally {
        // What was made before the bytes ended, loaders see too.
        if (decoder.made > before) yield decoder.take()
      }
      if (decoder.ended || decoder.made >= size) return
      if (decoder.made === before) break
    }
    if (isLast) throw new Ended()
    reader.seek(begin + decoder.used())
  }
}
