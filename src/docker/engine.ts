import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { BallastError, redact, systemCode, throwIfAborted } from '../core/index.ts'
import { parseJson } from '../model/index.ts'
import type { EngineEndpoint } from './endpoint.ts'
import {
  decodeVersion,
  type EngineInfo,
  type InfoAnswer,
  infoOf,
  olderOf,
  type VersionAnswer,
} from './engine-info.ts'

export interface EngineCall {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Below the API's version: `/containers/json`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Sent as JSON. */
  readonly json?: unknown
  /** Sent as it is, for tar archives. */
  readonly body?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
}

/**
 * A Docker Engine, or Podman's service, by its API (docker/docs, "Engine API"). Every call throws REMOTE when the Engine
 * does not answer, UNAUTHORIZED when this user may not speak to it, NOT_FOUND and CONFLICT as the Engine says, REMOTE
 * with the Engine's message for everything else, INTERRUPTED.
 */
export interface Engine {
  readonly endpoint: EngineEndpoint
  /** Asked once. */
  info(): Promise<EngineInfo>
  /** The answer's JSON; undefined for an answer without a body. */
  call<T>(call: EngineCall): Promise<T>
  /** What the answer says of itself, in lower case; a body is left. */
  headers(call: EngineCall): Promise<IncomingHttpHeaders>
  /** The answer's bytes, to be read to the end or left early. */
  stream(call: EngineCall): Promise<AsyncIterable<Uint8Array>>
  /** For answers that are messages one after the other (load, events, pull). One that says `error` throws REMOTE. */
  messages<T>(call: EngineCall): AsyncIterable<T>
  close(): void
}

/** The newest API whose answers are known here; an older Engine is spoken to by its own. */
const NEWEST_API = '1.44'
/** JSON answers are lists of containers and images; none is larger. */
const LARGEST_ANSWER = 64 * 1024 * 1024

/** Nothing is asked yet. */
export function openEngine(endpoint: EngineEndpoint): Engine {
  const { connect } = endpoint
  const tls = 'tls' in connect ? connect.tls : undefined
  const agent =
    tls === undefined ? new HttpAgent({ keepAlive: true }) : new HttpsAgent({ keepAlive: true, ...tls })
  let version: Promise<VersionAnswer> | undefined
  let info: Promise<EngineInfo> | undefined

  const send = ({
    method = 'GET',
    query,
    json,
    body,
    signal,
    ...call
  }: EngineCall): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      throwIfAborted(signal)
      const text = json === undefined ? undefined : JSON.stringify(json)
      const headers = {
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
        ...(body !== undefined && { 'content-type': 'application/x-tar' }),
      }
      const path = `${call.path}${queryOf(query)}`
      const target = 'socketPath' in connect ? connect : { host: connect.host, port: connect.port }
      const options = { ...target, method, path, headers, agent, ...(signal && { signal }) }
      const outgoing = tls === undefined ? httpRequest(options) : httpsRequest(options)
      outgoing.on('response', (response) => {
        // Else who reads the answer meanwhile is told of a broken connection instead of the reason.
        const stop = (): void => void response.destroy(signal?.reason)
        signal?.addEventListener('abort', stop, { once: true })
        // Whoever reads it hears of it; nobody has to.
        response.on('error', () => undefined)
        response.once('close', () => signal?.removeEventListener('abort', stop))
        resolve(response)
      })
      outgoing.on('error', (error) => reject(explain(error, endpoint, signal)))
      if (body === undefined) outgoing.end(text)
      else {
        const source = Readable.from(body, { objectMode: false, highWaterMark: 1024 * 1024 })
        // What the body itself fails with says more than a connection that breaks off.
        source.on('error', (error) => {
          reject(error)
          outgoing.destroy(error)
        })
        source.pipe(outgoing)
        outgoing.on('response', (response) => {
          if ((response.statusCode ?? 0) < 400) return
          // To go on sending to an Engine that has refused would break the connection before its reason is read.
          source.unpipe(outgoing)
          response.once('close', () => {
            source.destroy()
            outgoing.destroy()
          })
        })
      }
    })

  /** Asked once, but an Engine that starts later is asked again. */
  const versionOf = (): Promise<VersionAnswer> => {
    version ??= send({ path: '/version' })
      .then(read)
      .then(({ text }) => decodeVersion(text, endpoint))
      .catch((error: unknown) => {
        version = undefined
        throw error
      })
    return version
  }

  const ask = async (call: EngineCall): Promise<IncomingMessage> => {
    const { ApiVersion } = await versionOf()
    const prefix = `/v${olderOf(ApiVersion ?? NEWEST_API, NEWEST_API)}`
    const response = await send({ ...call, path: `${prefix}${call.path}` })
    if ((response.statusCode ?? 0) >= 400)
      throw refusal(response.statusCode ?? 0, (await read(response)).text)
    return response
  }

  /** A connection that breaks off in the middle of an answer is the Engine's failure. */
  async function* heard(request: EngineCall): AsyncIterable<Buffer> {
    const response: AsyncIterable<Buffer> = await ask(request)
    try {
      yield* response
    } catch (error) {
      throw explain(error as Error, endpoint, request.signal)
    }
  }

  const call = async <T>(request: EngineCall): Promise<T> => {
    const { text } = await read(heard(request))
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  return {
    endpoint,
    call,
    async headers(request) {
      const response = await ask(request)
      response.resume()
      return response.headers
    },
    stream: ask,
    async *messages<T>(request: EngineCall) {
      for await (const line of lines(heard(request))) {
        const message = parseJson(Buffer.from(line))
        if (typeof message?.error === 'string') throw remote(message.error)
        if (message !== undefined) yield message as T
      }
    },
    info() {
      info ??= Promise.all([versionOf(), call<InfoAnswer>({ path: '/info' })])
        .then(([told, details]) => infoOf(told, details))
        .catch((error: unknown) => {
          info = undefined
          throw error
        })
      return info
    },
    close: () => agent.destroy(),
  }
}

function queryOf(query: EngineCall['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`],
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

async function read(response: AsyncIterable<Buffer>): Promise<{ readonly text: string }> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of response) {
    size += part.length
    if (size > LARGEST_ANSWER) throw remote('an answer of more than 64 MiB')
    parts.push(part)
  }
  return { text: Buffer.concat(parts).toString('utf8') }
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const parts = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n')
    rest = parts.pop() ?? ''
    yield* parts
  }
  yield rest
}

function refusal(status: number, text: string): BallastError {
  const told = parseJson(Buffer.from(text))
  const message = redact(typeof told?.message === 'string' ? told.message : `status ${status} ${text}`.trim())
  if (status === 404) return new BallastError('NOT_FOUND', message)
  if (status === 409) return new BallastError('CONFLICT', message)
  if (status === 401 || status === 403) return new BallastError('UNAUTHORIZED', message)
  return remote(message)
}

function remote(message: string): BallastError {
  return new BallastError('REMOTE', `the Engine says: ${redact(message)}`)
}

function explain(error: unknown, { url }: EngineEndpoint, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return new BallastError('INTERRUPTED', 'interrupted', { cause: signal.reason })
  const code = systemCode(error)
  if (code === 'EACCES' || code === 'EPERM') {
    return new BallastError(
      'UNAUTHORIZED',
      `this user may not speak to the Docker Engine at ${url} (${code})`,
      {
        cause: error,
        hint: 'join its group (sudo usermod -aG docker "$USER", then log in again), or run the command with sudo',
      },
    )
  }
  if (code === undefined) return error
  return new BallastError('REMOTE', `no Docker Engine answers at ${url} (${code})`, {
    cause: error,
    hint: 'start it (sudo systemctl start docker), or name another with DOCKER_HOST or docker context use',
    retryable: true,
  })
}
