import { pipeline } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { BallastError, CHUNK_SIZE, isBallastError } from '../core/index.ts'

/**
 * A layer's tar, whether it is plain, gzip or zstd: told by its first bytes, never by a media type, as image engines
 * do. Throws REFUSED for bzip2 and xz, DAMAGED for what does not decompress.
 */
export async function* decompressed(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { head, all } = await peek(chunks)
  const kind = kindOf(head)
  if (kind === undefined) {
    yield* all
    return
  }
  if (kind.create === undefined) {
    throw new BallastError('REFUSED', `a layer compressed with ${kind.name} is not read`, {
      hint: 'build the image with gzip, zstd or uncompressed layers',
    })
  }
  // The callback is there to be called: errors arrive through the iteration.
  const stream = pipeline(all, kind.create(), () => undefined)
  try {
    yield* stream as AsyncIterable<Uint8Array>
  } catch (error) {
    if (isBallastError(error) || !isZlibError(error)) throw error
    throw new BallastError('DAMAGED', `a layer does not decompress as ${kind.name}`, { cause: error })
  }
}

/** What the first six bytes say of a file; undefined for one that is not compressed, or in no way that is known. */
export function compressionOf(head: Buffer): (typeof KINDS)[number]['name'] | undefined {
  return kindOf(head)?.name
}

function kindOf(head: Buffer): (typeof KINDS)[number] | undefined {
  return KINDS.find(({ magic }) => head.subarray(0, magic.length).equals(magic))
}

const KINDS = [
  {
    name: 'gzip' as const,
    magic: Buffer.from([0x1f, 0x8b]),
    create: () => createGunzip({ chunkSize: CHUNK_SIZE }),
  },
  {
    name: 'zstd' as const,
    magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    create: () => createZstdDecompress({ chunkSize: CHUNK_SIZE }),
  },
  { name: 'bzip2' as const, magic: Buffer.from('BZh') },
  { name: 'xz' as const, magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]) },
]

const LONGEST_MAGIC = 5

async function peek(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < LONGEST_MAGIC) {
    const next = await iterator.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  return { head, all: resume(head, iterator) }
}

async function* resume(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    if (head.length > 0) yield head
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  } finally {
    await iterator.return?.()
  }
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_)/.test(String(error.code))
}
