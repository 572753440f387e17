import { type Context, type Kept, report } from './context.ts'
import { LIMITS } from './limits.ts'

class Bomb extends Error {}
class Full extends Error {}

/** Keeps what is decompressed from `from` bytes, up to what a model may take; what is beyond is a finding. */
export async function keepLimited(
  context: Context,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  from: number,
): Promise<Kept> {
  const kept = await context.spool.keep(name, limited(context, chunks, from))
  context.signal?.throwIfAborted()
  if (kept.error instanceof Bomb) {
    report(context, 'hostile', 'bomb', `${name} grows to more than ${LIMITS.bombRatio} times its size`)
    return { ...kept, error: undefined }
  }
  if (kept.error instanceof Full) {
    report(context, 'unreadable', 'too-large', `${name} is too large when it is decompressed`)
    return { ...kept, error: undefined }
  }
  return kept
}

async function* limited(
  context: Context,
  chunks: AsyncIterable<Uint8Array>,
  from: number,
): AsyncIterable<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    context.signal?.throwIfAborted()
    size += chunk.length
    context.budget.decompressed -= chunk.length
    if (size > LIMITS.bombBytes && size > LIMITS.bombRatio * from) throw new Bomb()
    if (context.budget.decompressed < 0) throw new Full()
    yield chunk
  }
}
