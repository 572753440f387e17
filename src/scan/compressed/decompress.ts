import type { Transform } from 'node:stream'
import { createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import type { RandomAccess } from '../../formats/index.ts'
import { createReader, Ended } from '../reader.ts'
import { chunksOf } from '../sources.ts'
import { unBzip2 } from './bzip2.ts'
import { Damaged } from './damaged.ts'
import { unLz4 } from './lz4.ts'
import { unLzma, unZipLzma } from './lzma.ts'
import { unXz } from './xz.ts'

export type Engine = 'zlib' | 'gzip' | 'deflate' | 'zstd' | 'bzip2' | 'xz' | 'lzma' | 'lz4' | 'zip-lzma'

/** How zip numbers them (APPNOTE 4.4.5). */
export const METHODS: Readonly<Record<number, Engine>> = {
  8: 'deflate',
  12: 'bzip2',
  14: 'zip-lzma',
  93: 'zstd',
}

const STREAMS: Partial<Record<Engine, () => Transform & { readonly bytesWritten: number }>> = {
  zlib: createInflate,
  deflate: createInflateRaw,
  zstd: createZstdDecompress,
}

const OWN: Partial<Record<Engine, (source: RandomAccess) => AsyncIterable<Uint8Array>>> = {
  bzip2: unBzip2,
  xz: unXz,
  lzma: unLzma,
  lz4: unLz4,
  gzip: unGzip,
  'zip-lzma': unZipLzma,
}

/** Throws, at the end of what could be read, where the bytes are damaged or cut short. */
export async function* decompress(engine: Engine, source: RandomAccess): AsyncIterable<Uint8Array> {
  const own = OWN[engine]
  if (own !== undefined) {
    yield* own(source)
    return
  }
  const create = STREAMS[engine]
  if (create === undefined) throw new Error(`nothing decompresses ${engine}`)
  for (let at = 0; ; ) {
    const stream = create()
    yield* through(stream, chunksOf(source, at))
    at += stream.bytesWritten
    // Streams of zlib and frames of zstd, empty ones too, may follow each other, and loaders read on.
    if (engine === 'deflate' || at >= source.size || stream.bytesWritten === 0) return
  }
}

/** Members one after another (RFC 1952), with zeros between them, as Python reads them. */
async function* unGzip(source: RandomAccess): AsyncIterable<Uint8Array> {
  const reader = createReader(source)
  for (let first = true; ; first = false) {
    let isZero = !first
    while (isZero && reader.left() > 0) {
      await reader.prepare(1)
      isZero = reader.u8() === 0
      if (!isZero) reader.seek(reader.position() - 1)
    }
    if (reader.left() === 0) {
      if (first) throw new Damaged()
      return
    }
    await reader.prepare(12)
    const magic = reader.u16()
    if (magic !== 0x8b1f || reader.u8() !== 8) {
      // What follows is not taken for a member by anybody.
      if (!first) return
      throw new Damaged()
    }
    const flags = reader.u8()
    reader.skip(6)
    if ((flags & 4) !== 0) {
      await reader.prepare(2)
      reader.skip(reader.u16())
    }
    for (const flag of [8, 16]) {
      if ((flags & flag) === 0) continue
      const end = await reader.find(0, source.size)
      if (end === undefined) throw new Ended()
      reader.seek(end + 1)
    }
    if ((flags & 2) !== 0) reader.skip(2)
    const stream = createInflateRaw()
    const at = reader.position()
    yield* through(stream, chunksOf(source, at))
    reader.seek(at + stream.bytesWritten)
    reader.skip(8)
  }
}

async function* through(stream: Transform, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let failure: unknown
  let isOver = false
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (isOver) return
      if (!stream.write(chunk)) {
        await new Promise<void>((resolve) => {
          const go = (): void => {
            stream.off('drain', go).off('close', go).off('end', go)
            resolve()
          }
          stream.on('drain', go).on('close', go).on('end', go)
        })
      }
    }
    if (!isOver) stream.end()
  }
  stream.on('error', () => {})
  const fed = feed().catch((error: unknown) => {
    failure = error
    stream.destroy(error as Error)
  })
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
  } finally {
    isOver = true
    stream.destroy()
    await fed
  }
  if (failure !== undefined) throw failure
}
