import { BallastError, bytesContent, type CallOptions, type Content, isBallastError } from '../core/index.ts'
import { contentEntry, TAR_END } from '../tar/index.ts'
import type { Engine } from './engine.ts'

/** An archive that an Engine loads while it is made: nothing of it is kept here. */
export interface LoadStream {
  /** One more file. Returns when the Engine has taken its bytes. One at a time. */
  append(name: string, content: Content): Promise<void>
  /** Sends the last files, and returns once the images are in the Engine. */
  finish(last: readonly (readonly [name: string, text: string])[]): Promise<void>
  /** Breaks off: the Engine keeps nothing of what was sent. */
  abort(): Promise<void>
}

interface Piece {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly taken: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Begins to send. Every call throws what a content throws; DISK where the Engine has no room; CONFLICT where a layer that
 * was left out has gone meanwhile; DAMAGED for a layer of other bytes; REMOTE with the Engine's words for whatever else it refuses.
 */
export function beginLoad(engine: Engine, { signal }: CallOptions = {}): LoadStream {
  const waiting: (Piece | undefined)[] = []
  let wake = (): void => undefined
  const stopped = new AbortController()
  const either = signal === undefined ? stopped.signal : AbortSignal.any([stopped.signal, signal])

  function hand(piece: Piece | undefined): void {
    waiting.push(piece)
    wake()
  }

  async function* body(): AsyncIterable<Uint8Array> {
    for (;;) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const piece = waiting.shift()
      if (piece === undefined) return
      try {
        yield* piece.chunks
        piece.taken()
      } catch (error) {
        piece.failed(error)
        throw error
      }
    }
  }

  const loaded = load(engine, { body: body(), signal: either }).finally(() => hand(undefined))
  // Whoever appends or finishes is told; between two calls nobody listens.
  loaded.catch(() => undefined)

  async function send(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const sent = new Promise<void>((taken, failed) => hand({ chunks, taken, failed }))
    const early = loaded.then(() => {
      throw new BallastError('REMOTE', 'the Engine answered before it had the whole image')
    })
    await Promise.race([sent, early])
  }

  return {
    append: (name, content) => send(contentEntry(name, content)),
    async finish(last) {
      for (const [name, text] of last) await send(contentEntry(name, bytesContent(Buffer.from(text))))
      hand({ chunks: bytesContent(TAR_END).open(), taken: () => undefined, failed: () => undefined })
      hand(undefined)
      await loaded
    },
    async abort() {
      stopped.abort(new BallastError('INTERRUPTED', 'interrupted'))
      await loaded.catch(() => undefined)
    },
  }
}

async function load(
  engine: Engine,
  { body, signal }: { readonly body: AsyncIterable<Uint8Array>; readonly signal: AbortSignal },
): Promise<void> {
  try {
    const call = { method: 'POST', path: '/images/load', query: { quiet: true }, body, signal } as const
    for await (const _ of engine.messages(call));
  } catch (error) {
    throw explained(error)
  }
}

function explained(error: unknown): unknown {
  if (!isBallastError(error)) return error
  const { message } = error
  if (/no space left on device|disk quota exceeded/i.test(message)) {
    return new BallastError('DISK', `the Engine has no room for the image: ${message}`, {
      cause: error,
      hint: 'docker system df shows what takes it; docker image prune removes images without a name',
    })
  }
  if (/invalid diffID/i.test(message)) {
    return new BallastError('DAMAGED', `what was sent are not the bytes of the layer: ${message}`, {
      cause: error,
      hint: 'ballast verify finds and names what is wrong in the store',
    })
  }
  if (/no such file or directory|layer does not exist/i.test(message)) {
    return new BallastError('CONFLICT', `an image that this one is made from has been removed: ${message}`, {
      cause: error,
      hint: 'run the command again: it sends what is missing',
      retryable: true,
    })
  }
  if (/\((?:EPIPE|ECONNRESET)\)/.test(message)) {
    return new BallastError('REMOTE', `the Engine broke off while the image was sent: ${message}`, {
      cause: error,
      hint: 'see whether its disk is full (docker system df), and what its log says (journalctl -u docker)',
      retryable: true,
    })
  }
  return error
}
