import { BallastError, type ByteRange } from '../core/index.ts'
import { parseContentRange } from './ranges.ts'
import type { IncomingResponse } from './transport.ts'

/**
 * The bytes of a range in an answer of 200 or 206: exactly those, or an error. Some servers and caches ignore `Range` and
 * answer 200 with everything, which must not be taken for the range. Throws DAMAGED for an answer that is no use at
 * all, and REMOTE, retryable, for one that ends early. `size` is that of the whole; `what` is for people.
 */
export async function* bodyOfRange(
  response: IncomingResponse,
  { range, size, what }: { readonly range: ByteRange; readonly size: number; readonly what: string },
): AsyncIterable<Uint8Array> {
  const skip = skipped(response, { range, size, what })
  if (skip instanceof BallastError) {
    await response.discard()
    throw skip
  }
  let left = range.length
  for await (const chunk of cut(response.body, skip, range.length)) {
    left -= chunk.length
    yield chunk
  }
  if (left > 0) {
    throw new BallastError('REMOTE', `${response.peer} broke off within ${what}`, {
      hint: 'run the command again',
      retryable: true,
    })
  }
}

/** How many bytes of the answer come before those that were asked for. */
function skipped(
  response: IncomingResponse,
  { range, size, what }: { readonly range: ByteRange; readonly size: number; readonly what: string },
): number | BallastError {
  const problem = (how: string): BallastError =>
    new BallastError('DAMAGED', `${response.peer} sends ${what} ${how}`)
  const encoding = response.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') return problem('encoded, which changes its bytes')
  if (response.status === 206) {
    const got = parseContentRange(response.header('content-range'))
    if (got?.offset === range.offset && got.length === range.length) return 0
    return problem('in another range than it was asked for')
  }
  const length = response.header('content-length')
  if (length !== undefined && Number(length) !== size) {
    return problem(`with ${length} bytes where ${size} are expected`)
  }
  return range.offset
}

/** `length` bytes from `skip` on; more than that only where the whole was asked for and nothing is known of its end. */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  skip: number,
  length: number,
): AsyncIterable<Uint8Array> {
  let at = 0
  for await (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, skip - at), Math.max(0, skip + length - at))
    at += chunk.length
    if (part.length > 0) yield part
    if (at >= skip + length) return
  }
}
