import { BallastError, type ByteRange, type Content } from '../core/index.ts'
import { type RetryDelays, waitToRetry } from './retry.ts'

export interface RetryOptions {
  /** Between tries that brought nothing: whatever arrives makes all of them remain. */
  readonly delays: RetryDelays
  readonly onTrouble?: (error: unknown) => void
}

/** The same bytes; a read that breaks off, as networks do, is taken up where it stopped while waits remain. */
export function retriedContent(content: Content, options: RetryOptions): Content {
  return {
    size: content.size,
    ...(content.ownChunks && { ownChunks: true }),
    open: (range = { offset: 0, length: content.size }, signal) =>
      read(content, range, { ...options, signal }),
  }
}

async function* read(
  content: Content,
  { offset, length }: ByteRange,
  { delays, onTrouble, signal }: RetryOptions & { readonly signal: AbortSignal | undefined },
): AsyncIterable<Uint8Array> {
  let done = 0
  for (let tries = 0; done < length; ) {
    try {
      for await (const chunk of content.open({ offset: offset + done, length: length - done }, signal)) {
        done += chunk.length
        tries = 0
        yield chunk
      }
      if (done < length) throw endedEarly(done, length)
    } catch (error) {
      onTrouble?.(error)
      await waitToRetry(error, delays[tries++], signal)
    }
  }
}

function endedEarly(done: number, length: number): BallastError {
  return new BallastError('REMOTE', `a read ended after ${done} of ${length} bytes`, { retryable: true })
}
