import type { Readable } from 'node:stream'
import { type Dispatcher, request as undiciRequest } from 'undici'
import { type Content, explainSystemError, throwIfAborted } from '../core/index.ts'
import type { BulkAnswer } from './bulk.ts'
import { explainFailure, proxyRefusal, proxyRefused, stalled } from './failures.ts'
import { type Network, routeOf } from './network.ts'
import { createWatchdog, type Watchdog } from './watchdog.ts'

export interface OutgoingRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Content
  /** What is answered may be long: it is read with the least work, where the answer is a plain one. */
  readonly bulk?: boolean
  /** The body may turn out shorter than it says, so that no length is announced. */
  readonly openEnded?: boolean
  readonly signal?: AbortSignal | undefined
}

export interface IncomingResponse {
  readonly status: number
  /** The value of a header, by its name in lower case; of a repeated one, the values joined by commas. */
  header(name: string): string | undefined
  /** All of them, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the answer came from, redirects followed. */
  readonly url: URL
  /** What error messages call who answered: `registry localhost:5000`. */
  readonly peer: string
  /** To be read to its end, left early, or discarded: until then it holds a connection. */
  readonly body: AsyncIterable<Uint8Array>
  discard(): Promise<void>
}

/** Sends one request and returns the answer's head, whatever its status. Throws REMOTE, INTERRUPTED, or what the body throws. */
export type Send<R extends OutgoingRequest = OutgoingRequest> = (request: R) => Promise<IncomingResponse>

/** In milliseconds. */
export interface Patience {
  /** How long nothing may move, in either direction; a body of fewer than 64 KiB in that time counts as nothing. */
  readonly stallMs: number
  /** How long the other side may take to store an upload once the last byte is sent: an object store copies it. */
  readonly commitMs: number
}

/** Or a server could hold its clients for ever with a byte a minute. */
const LEAST_PROGRESS = 64 * 1024

/** In bytes. For a shorter one, `bulk` is not worth a connection of another kind. */
export const LONG_BODY = 1024 * 1024

export const PATIENCE: Patience = { stallMs: 60_000, commitMs: 900_000 }

export interface TransportOptions {
  /** What error messages call the other side, before its host: `registry`. */
  readonly peer: string
  readonly network?: Network | undefined
  readonly patience?: Partial<Patience> | undefined
}

const PLAIN: Network = {}

/** Requests over undici's pools of connections. */
export function createTransport({ peer: kind, network = PLAIN, patience }: TransportOptions): Send {
  const { stallMs, commitMs } = { ...PATIENCE, ...patience }
  const { bandwidth } = network
  return async ({ method, url, headers = {}, body, openEnded = false, bulk = false, signal }) => {
    throwIfAborted(signal)
    const route = routeOf(network)(url)
    const { dispatcher, proxy } = route
    const peer = `${kind} ${url.host}`
    const watchdog = createWatchdog()
    let over = false
    // undici may still take a chunk after the answer or failure, and nobody waits for the other side any more.
    const wait: Watchdog['wait'] = (ms) => {
      if (!over) watchdog.wait(ms)
    }
    const pace = async (bytes: number): Promise<void> => bandwidth?.take(bytes, signal)
    const sent = body && watchUpload(body, { wait, pace, stallMs, commitMs })
    const explain = (error: unknown): unknown => {
      throwIfAborted(signal)
      if (sent?.failure() !== undefined) return explainSystemError(sent.failure())
      if (watchdog.fired) return stalled(peer)
      return (proxy && proxyRefused(error, proxy)) ?? explainFailure(error, reached(peer, proxy))
    }
    try {
      watchdog.wait(stallMs)
      const all = { 'accept-encoding': 'identity', 'user-agent': 'ballast', ...headers }
      const either = signal === undefined ? watchdog.signal : AbortSignal.any([signal, watchdog.signal])
      const answered = { url, peer, watchdog, pace, stallMs, explain }
      const plain = bulk ? await route.bulk?.get({ url, headers: all, signal: either }) : undefined
      if (plain !== undefined) return responseOf(fromBulk(plain), answered)
      const answer = await undiciRequest(url, {
        dispatcher,
        method,
        headers: {
          ...all,
          ...(hasLength(method) && !openEnded && { 'content-length': String(body?.size ?? 0) }),
        },
        // Iterables are accepted (undici, lib/core/request.js), and only its types do not say so.
        body: sent === undefined || body?.size === 0 ? null : (sent.chunks as unknown as Readable),
        signal: either,
        headersTimeout: 0,
        bodyTimeout: 0,
        // Or each HEAD would cost its connection, for fear of a body that must not come.
        reset: false,
      })
      if (answer.statusCode === 407 && proxy !== undefined) {
        await answer.body.dump()
        throw proxyRefusal(407, proxy)
      }
      return responseOf(fromUndici(answer), answered)
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

interface Watch extends Patience {
  readonly wait: Watchdog['wait']
  readonly pace: Pace
}

/** Waits until so many bytes may move. */
type Pace = (bytes: number) => Promise<void>

function watchUpload(body: Content, { wait, pace, stallMs, commitMs }: Watch): Upload {
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
        await pace(next.value.length)
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
  readonly peer: string
  readonly watchdog: Watchdog
  readonly pace: Pace
  readonly stallMs: number
  explain(error: unknown): unknown
}

/** An answer, whoever read it. */
interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly chunks: () => AsyncIterator<Uint8Array>
  /** Gives up what is left of the body. */
  readonly end: () => void
  /** Reads what is left of it, or gives it up where that is much. */
  readonly drain: () => Promise<void>
}

function fromUndici({ statusCode, headers, body }: Dispatcher.ResponseData): RawAnswer {
  return {
    status: statusCode,
    headers,
    chunks: () => body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
    end: () => void body.on('error', () => undefined).destroy(),
    drain: () => body.dump().catch(() => undefined),
  }
}

/** In bytes. To read more costs more than another connection. */
const WORTH_DRAINING = 128 * 1024

function fromBulk({ status, headers, length, body }: BulkAnswer): RawAnswer {
  const end = async (): Promise<void> => void (await body.return().catch(() => undefined))
  return {
    status,
    headers,
    chunks: () => body,
    end: () => void end(),
    async drain() {
      try {
        if (length <= WORTH_DRAINING) for await (const _ of body);
      } catch {
        // It is given up below.
      }
      await end()
    },
  }
}

function responseOf(answer: RawAnswer, answered: Answered): IncomingResponse {
  async function* body(): AsyncIterable<Uint8Array> {
    const { watchdog, pace, stallMs, explain } = answered
    const source = answer.chunks()
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
        await pace(next.value.length)
        yield next.value
      }
    } catch (error) {
      throw explain(error)
    } finally {
      watchdog.wait(undefined)
      answer.end()
    }
  }
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value = '']) => [name, [value].flat().join(', ')]),
  )
  return {
    status: answer.status,
    url: answered.url,
    peer: answered.peer,
    headers,
    header: (name) => (Object.hasOwn(headers, name) ? headers[name] : undefined),
    body: body(),
    async discard() {
      answered.watchdog.wait(answered.stallMs)
      await answer.drain()
      answered.watchdog.wait(undefined)
      await reusable()
    },
  }
}

/** Whom a failed connection tells of: with a proxy between, it may be either. */
function reached(peer: string, proxy: URL | undefined): string {
  return proxy === undefined ? peer : `${peer}, asked through the proxy ${proxy.host},`
}
