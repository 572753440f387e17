import { CHUNK_SIZE } from './content.ts'

/** In bytes. A larger chunk is not copied once more. */
const LARGE = CHUNK_SIZE / 4

/**
 * The same bytes in pieces of 256 KiB and more, but for the last: handing on a piece costs more than the bytes of a small
 * one, and memory for many of them is given back late.
 */
export async function* inLargePieces(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    if (length === 0 && chunk.length >= LARGE) {
      yield chunk
      continue
    }
    parts.push(chunk)
    length += chunk.length
    if (length < LARGE) continue
    yield Buffer.concat(parts, length)
    parts = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(parts, length)
}
