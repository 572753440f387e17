import type { RandomAccess } from '../formats/index.ts'

export function slice({ path, read, size }: RandomAccess, offset: number, length: number): RandomAccess {
  const within = Math.max(0, Math.min(length, size - offset))
  return {
    path,
    size: within,
    read: (at, count) => read(offset + at, Math.max(0, Math.min(count, within - at))),
  }
}

export function renamed(source: RandomAccess, path: string): RandomAccess {
  return { path, size: source.size, read: source.read }
}

export function bytesSource(path: string, bytes: Uint8Array): RandomAccess {
  return {
    path,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + Math.max(0, length)),
  }
}

const CHUNK = 256 * 1024

export async function* chunksOf(
  { size, read }: RandomAccess,
  start = 0,
  end = size,
  chunk = CHUNK,
): AsyncIterable<Uint8Array> {
  for (let at = start; at < end; ) {
    const bytes = await read(at, Math.min(chunk, end - at))
    if (bytes.length === 0) return
    yield bytes
    at += bytes.length
  }
}
