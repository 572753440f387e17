import type { Content } from '../core/index.ts'

/** The bytes of one file, wherever they are. `path` is the file's path in its version, `size` in bytes. */
export interface RandomAccess {
  readonly path: string
  readonly size: number
  /** Fewer bytes than asked for only where the file ends. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array>
}

export function randomAccess(path: string, content: Content): RandomAccess {
  return {
    path,
    size: content.size,
    async read(offset, length) {
      const within = Math.max(0, Math.min(length, content.size - offset))
      if (within === 0) return new Uint8Array(0)
      const chunks: Uint8Array[] = []
      for await (const chunk of content.open({ offset, length: within })) chunks.push(chunk)
      return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
    },
  }
}

/** The file is not what it begins like. Caught by `inspectFile`. */
export class Malformed extends Error {}

/** The file may well be what it begins like, but to see its figures more would have to be read than is reasonable. */
export class TooLarge extends Error {}

/** Bytes from an offset on; throws Malformed where there are fewer. */
export async function readExactly(source: RandomAccess, offset: number, length: number): Promise<Buffer> {
  if (offset < 0 || length < 0 || offset + length > source.size) throw new Malformed('it ends too early')
  const bytes = await source.read(offset, length)
  if (bytes.length !== length) throw new Malformed('it ends too early')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
