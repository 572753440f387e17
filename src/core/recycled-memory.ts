/** In bytes. Handing on a piece costs several turns and a call to write it: smaller ones would cost more of them. */
export const PIECE_SIZE = 512 * 1024
/** More than a fast transfer has in use at once. */
const MOST_KEPT = 64

const kept: ArrayBuffer[] = []
/** Which chunks have all of their memory to themselves. */
const given = new WeakSet<ArrayBuffer>()

/**
 * Memory of `PIECE_SIZE` for a chunk that is handed on with it: some that was given back, because new memory costs the
 * system a page fault for each 4 KiB and the collector a turn for each few chunks.
 */
export function takePiece(): Buffer<ArrayBuffer> {
  const memory = kept.pop() ?? new ArrayBuffer(PIECE_SIZE)
  given.add(memory)
  return Buffer.from(memory)
}

/**
 * Gives back the memory of chunks that have it to themselves: left to the collector, it would be much at a time. Who still
 * holds such a chunk finds it empty.
 */
export function freeChunks(chunks: readonly Uint8Array[]): void {
  for (const { buffer, byteLength } of chunks) {
    if (!(buffer instanceof ArrayBuffer)) continue
    if (given.delete(buffer)) {
      if (kept.length < MOST_KEPT) kept.push(buffer.transfer())
      else buffer.transfer(0)
    } else if (byteLength > 0 && buffer.byteLength === byteLength) buffer.transfer(0)
  }
}
