import { BallastError, type ByteRange, isBallastError, throwIfAborted } from '../core/index.ts'
import type { BucketObject } from './bucket.ts'

/** A server that has sent nothing for so long is given up. */
const PATIENCE_MS = 60_000

export interface ReadRequest {
  readonly object: BucketObject
  readonly range: ByteRange
  /** The bucket, for messages. */
  readonly address: string
  readonly signal: AbortSignal | undefined
  /** An error of the library in our words. */
  readonly explain: (error: unknown) => unknown
}

/**
 * The bytes of one answer. `ask` gets a signal that ends it, also where nothing has come for a minute. Throws REMOTE, retryable,
 * instead of ending early.
 */
export async function* readBody(
  { object, range, address, signal, explain }: ReadRequest,
  ask: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>,
): AsyncIterable<Uint8Array> {
  if (range.length === 0) return
  throwIfAborted(signal)
  const stop = new AbortController()
  const broken = (why: string, cause?: unknown): BallastError =>
    new BallastError('REMOTE', `${address} ${why} within ${object.key}`, {
      cause,
      hint: 'run the command again: what arrived is not fetched twice',
      retryable: true,
    })
  let timer = setTimeout(() => stop.abort(), PATIENCE_MS)
  let left = range.length
  try {
    const body = await ask(signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]))
    for await (const chunk of body) {
      // Not while whoever reads this is at work, or waits for its turn.
      clearTimeout(timer)
      if (chunk.length > left) throw broken('sent more than was asked for')
      left -= chunk.length
      yield chunk
      timer = setTimeout(() => stop.abort(), PATIENCE_MS)
    }
  } catch (error) {
    throwIfAborted(signal)
    if (stop.signal.aborted) throw broken('stopped answering', error)
    const explained = explain(error)
    throw isBallastError(explained) ? explained : broken('broke off', error)
  } finally {
    clearTimeout(timer)
    // What is left of an answer that nobody wants ends with its connection.
    if (left > 0) stop.abort()
  }
  if (left > 0) throw broken('broke off')
}

/** The key holds another object than the one that was listed, or none. */
export function changedObject(address: string, { key }: BucketObject): BallastError {
  return new BallastError('REFUSED', `${address}/${key} was replaced or removed while it was read`, {
    hint: 'run the command again, once nobody writes there',
  })
}
