import type { Readable } from 'node:stream'
import { Agent, type Dispatcher, request as undiciRequest } from 'undici'
import { type Content, explainSystemError, throwIfAborted } from '../../core/index.ts'
import type { Scope } from '../protocol/index.ts'
import { explainFailure, stalled } from './failures.ts'
import { createWatchdog, type Watchdog } from './watchdog.ts'

export interface OutgoingRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Content
  /** The body may turn out shorter than it says, so that no length is announced. */
  readonly openEnded?: boolean
  /** What a token has to allow for this, what is written to first. */
  readonly scopes?: readonly Scope[]
  readonly signal?: AbortSignal | undefined
}

export interface IncomingResponse {
  readonly status: number
  /** The value of a header, by its name in lower case; of a repeated one, the values joined by commas. */
  header(name: string): string | undefined
  /** Where the answer came from, redirects followed. */
  readonly url: URL
  /** To be read to its end, left early, or discarded: until then it holds a connection. */
  readonly body: AsyncIterable<Uint8Array>
  discard(): Promise<void>
}

/** Sends one request and returns the answer's head, whatever its status. Throws REMOTE, INTERRUPTED, or what the body throws. */
export type Send = (request: OutgoingRequest) => Promise<IncomingResponse>

/** In milliseconds. */
export interface Patience {
  /** How long nothing may move, in either direction; a body of fewer than 64 KiB in that time counts as nothing. */
  readonly stallMs: number
  /** How long a registry may take to store an upload once the last byte is sent: an object store copies it. */
  readonly commitMs: number
}

/** Or a registry could hold its clients for ever with a byte a minute. */
const LEAST_PROGRESS = 64 * 1024

export const PATIENCE: Patience = { stallMs: 60_000, commitMs: 900_000 }

let agent: Agent | undefined

/** Requests over undici's connection pool, without its own timeouts, which would end a slow upload (undici 7). */
export function createTransport({ stallMs, commitMs }: Patience): Send {
  return async ({ method, url, headers = {}, body, openEnded = false, signal }) => {
    throwIfAborted(signal)
    agent ??= new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } })
    const watchdog = createWatchdog()
    let over = false
    // undici may still take a chunk after the answer or failure, and nobody waits for the other side any more.
    const wait: Watchdog['wait'] = (ms) => {
      if (!over) watchdog.wait(ms)
    }
    const sent = body === undefined ? undefined : watchUpload(body, wait, { stallMs, commitMs })
    const explain = (error: unknown): unknown => {
      throwIfAborted(signal)
      if (sent?.failure() !== undefined) return explainSystemError(sent.failure())
      return watchdog.fired ? stalled(url) : explainFailure(error, url)
    }
    try {
      watchdog.wait(stallMs)
      const answer = await undiciRequest(url, {
        dispatcher: agent,
        method,
        headers: {
          'accept-encoding': 'identity',
          'user-agent': 'ballast',
          ...headers,
          ...(hasLength(method) && !openEnded && { 'content-length': String(body?.size ?? 0) }),
        },
        // Iterables are accepted (undici, lib/core/request.js), and only its types do not say so.
        body: sent === undefined || body?.size === 0 ? null : (sent.chunks as unknown as Readable),
        signal: signal === undefined ? watchdog.signal : AbortSignal.any([signal, watchdog.signal]),
        headersTimeout: 0,
        bodyTimeout: 0,
        // Or each HEAD would cost its connection, for fear of a body that must not come.
        reset: false,
      })
      return responseOf(answer, { url, watchdog, stallMs, explain })
    } catch (error) {
      throw explain(error)
    } finally {
      watchdog.wait(undefined)
      over = true
    }
  }
}

function hasLength(method: OutgoingRequest['method']): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

interface Upload {
  readonly chunks: AsyncGenerator<Uint8Array>
  /** What reading the content threw: that is why the upload broke off, whatever the connection says. */
  failure(): unknown
}

function watchUpload(body: Content, wait: Watchdog['wait'], { stallMs, commitMs }: Patience): Upload {
  let failure: unknown
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const source = body.open()[Symbol.asyncIterator]()
    try {
      for (;;) {
        wait(undefined)
        const next = await source.next().catch((error: unknown) => {
          failure = error
          throw error
        })
        if (next.done) break
        wait(stallMs)
        // An answer that came early (401, 413) is read before a write can fail on the connection it closed.
        await new Promise((resolve) => setImmediate(resolve))
        yield next.value
      }
      wait(commitMs)
    } finally {
      await source.return?.()
    }
  }
  return { chunks: chunks(), failure: () => failure }
}

/** undici looks for a moment whether more comes than it should before it uses a connection again. */
async function reusable(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

interface Answered {
  readonly url: URL
  readonly watchdog: Watchdog
  readonly stallMs: number
  explain(error: unknown): unknown
}

function responseOf(answer: Dispatcher.ResponseData, answered: Answered): IncomingResponse {
  async function* body(): AsyncIterable<Uint8Array> {
    const { watchdog, stallMs, explain } = answered
    const source = answer.body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    let waited = 0
    let moved = 0
    try {
      for (;;) {
        const since = performance.now()
        watchdog.wait(Math.max(0, stallMs - waited))
        const next = await source.next()
        watchdog.wait(undefined)
        if (next.done) {
          await reusable()
          return
        }
        waited += performance.now() - since
        moved += next.value.length
        if (moved >= LEAST_PROGRESS) waited = moved = 0
        yield next.value
      }
    } catch (error) {
      throw explain(error)
    } finally {
      watchdog.wait(undefined)
      answer.body.on('error', () => undefined).destroy()
    }
  }
  return {
    status: answer.statusCode,
    url: answered.url,
    header(name) {
      const value = answer.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    body: body(),
    async discard() {
      answered.watchdog.wait(answered.stallMs)
      await answer.body.dump().catch(() => undefined)
      answered.watchdog.wait(undefined)
      await reusable()
    },
  }
}
