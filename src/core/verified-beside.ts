import { type Expected, refuseOther, verified } from './content.ts'
import type { Digest } from './digest.ts'
import { createHashThreads, type HashThreads } from './hash-threads.ts'

/** In bytes. For less, a thread takes longer to start than it saves. */
const WORTH_A_THREAD = 16 * 1024 * 1024
/** Chunks that wait for the thread; more would only fill the memory. */
const MOST_WAITING = 2

let threads: HashThreads | undefined

/**
 * What `verified` does, in another thread where that is worth while, for a reader who hashes the chunks as well. A chunk
 * is given away: the reader must be done with it when it asks for the next one.
 */
export async function* verifiedBeside(
  chunks: AsyncIterable<Uint8Array>,
  expected: Expected,
  what = `content ${expected.digest}`,
): AsyncIterable<Uint8Array> {
  if (expected.size < WORTH_A_THREAD) {
    yield* verified(chunks, expected, what)
    return
  }
  threads ??= createHashThreads(2)
  const hash = threads.start()
  const waiting: Promise<void>[] = []
  let size = 0
  let ended: Promise<Digest> | undefined
  try {
    for await (const chunk of chunks) {
      size += chunk.length
      if (size > expected.size) break
      yield chunk
      waiting.push(hash.update(chunk))
      if (waiting.length > MOST_WAITING) await waiting.shift()
    }
  } finally {
    await Promise.allSettled(waiting)
    // Also for whoever stops early: a digest that nobody asks for would occupy the thread for good.
    ended = hash.digest()
    ended.catch(() => undefined)
  }
  refuseOther({ size, digest: await ended }, expected, what)
}
