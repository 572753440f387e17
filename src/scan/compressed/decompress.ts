import type { Transform } from 'node:stream'
import { createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import type { RandomAccess } from '../../model/index.ts'
import { chunksOf } from '../sources.ts'
import { unBzip2 } from './bzip2.ts'
import { unLz4 } from './lz4.ts'
import { unLzma, unXz, unZipLzma } from './lzma.ts'

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
  gzip: createGunzip,
  deflate: createInflateRaw,
  zstd: createZstdDecompress,
}

const OWN: Partial<Record<Engine, (source: RandomAccess) => AsyncIterable<Uint8Array>>> = {
  bzip2: unBzip2,
  xz: unXz,
  lzma: unLzma,
  lz4: unLz4,
  'zip-lzma': unZipLzma,
}

/** Throws, at the end of what could be read, where the bytes are damaged or cut short. */
export async function* decompress(
  engine: Engine,
  source: RandomAccess,
  start = 0,
): AsyncIterable<Uint8Array> {
  const own = OWN[engine]
  if (own !== undefined) {
    yield* own(source)
    return
  }
  const create = STREAMS[engine]
  if (create === undefined) throw new Error(`nothing decompresses ${engine}`)
  for (let at = start; ; ) {
    const stream = create()
    yield* through(stream, chunksOf(source, at))
    at += stream.bytesWritten
    // zlib's streams may follow each other, and joblib reads on.
    if (engine !== 'zlib' || at >= source.size || stream.bytesWritten === 0) return
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
