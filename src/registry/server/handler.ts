import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isBallastError, isSystemError, redact } from '../../core/index.ts'
import { parseName, type RepositoryName } from '../../model/index.ts'
import { parseRoute, type Route } from '../protocol/index.ts'
import { type Answer, json, refusal, writeAnswer } from './answer.ts'
import type { Asked } from './asked.ts'
import { answerBlob } from './blob-routes.ts'
import { TOKEN_PATH } from './challenge.ts'
import { createGuard, type GuardOptions } from './guard.ts'
import { answerCatalog, answerReferrers, answerTags } from './listing-routes.ts'
import { answerManifest } from './manifest-routes.ts'
import { createMetrics } from './metrics.ts'
import { changes, neededFor } from './rights.ts'
import type { RegistryStorage } from './storage.ts'
import { answerToken } from './token-route.ts'
import { answerUpload, answerUploads } from './upload-routes.ts'

export interface HandlerOptions extends GuardOptions {
  /** Nothing can be changed, whoever asks. */
  readonly readOnly?: boolean | undefined
  /** Answered at once; more are asked to come again. */
  readonly mostRequests?: number | undefined
  /** One line for each failure that is not the client's. Secrets are taken out. */
  readonly log?: ((line: string) => void) | undefined
}

export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => void

/** Enough for hundreds of nodes that pull at once, each with several layers. */
const MOST_REQUESTS = 1024

/**
 * Answers the OCI distribution API (distribution-spec 1.1) from a storage, as a handler of `node:http`. Beside it:
 * `/token` where tokens are given out, `/metrics` for who has a login, `/healthz` and `/readyz` for everybody.
 */
export function createRegistryHandler(
  storage: RegistryStorage,
  options: HandlerOptions = {},
): RegistryHandler {
  const { users, tokens, readOnly = false, mostRequests = MOST_REQUESTS, log } = options
  const guard = createGuard(options)
  const metrics = createMetrics()
  const report = (request: IncomingMessage, error: unknown): void =>
    log?.(redact(`registry: ${request.method} ${pathOf(request)}: ${describe(error)}`))

  async function answer(request: IncomingMessage): Promise<Answer> {
    const path = pathOf(request)
    if (path === '/healthz') return text(200, 'ok')
    if (path === '/readyz') return readiness(storage)
    if (metrics.running > mostRequests) {
      const headers = { 'retry-after': '1' }
      return refusal('TOOMANYREQUESTS', 'too many requests at once: come again', { headers })
    }
    const asked = askedOf(request, storage)
    if (path === TOKEN_PATH && users !== undefined && tokens !== undefined) {
      return answerToken(asked, { users, tokens })
    }
    const asker = { header: asked.header, isEncrypted: 'encrypted' in request.socket }
    const route = parseRoute(path)
    const refused = await guard(asker, isSound(route) ? neededFor(route, asked.method) : [])
    if (refused !== undefined) return refused
    if (path === '/metrics') return metrics.answer()
    if (route === undefined) return refusal('UNSUPPORTED', 'there is nothing at this path', { status: 404 })
    if (readOnly && changes(route, asked.method)) return refusal('UNSUPPORTED', 'this registry is read-only')
    return answerRoute(asked, route)
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answered = await answer(request).catch((error: unknown) => {
      if (!request.destroyed || request.complete) report(request, error)
      return failed(error)
    })
    if (response.destroyed) return
    if (!request.complete) response.once('finish', () => linger(request))
    await writeAnswer(response, answered, { withoutBody: request.method === 'HEAD' })
  }

  function observe(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', socket } = request
    const since = performance.now()
    metrics.begin()
    response.once('close', () => {
      metrics.end({
        method,
        route: parseRoute(pathOf(request))?.kind ?? 'other',
        status: response.statusCode,
        seconds: (performance.now() - since) / 1000,
        ...bytesOf(socket),
      })
    })
  }

  /** Since the last request of the connection, whose first bytes may be here before it is answered. */
  const counted = new WeakMap<Socket, { readonly read: number; readonly written: number }>()
  function bytesOf(socket: Socket): { readonly received: number; readonly sent: number } {
    const { bytesRead: read, bytesWritten: written } = socket
    const before = counted.get(socket) ?? { read: 0, written: 0 }
    counted.set(socket, { read, written })
    return { received: read - before.read, sent: written - before.written }
  }

  return (request, response) => {
    observe(request, response)
    response.on('error', () => undefined)
    respond(request, response).catch((error: unknown) => {
      report(request, error)
      response.destroy()
    })
  }
}

/** A disk that is full is the operator's to mend, and worth to be told from a bug. */
function failed(error: unknown): Answer {
  const isFull =
    isSystemError(error, 'ENOSPC', 'EDQUOT') || (isBallastError(error, 'DISK') && isFullDisk(error.cause))
  if (isFull) return refusal('DENIED', 'the disk of the registry is full', { status: 507 })
  return refusal('UNKNOWN', 'the registry failed: see its log')
}

function isFullDisk(cause: unknown): boolean {
  return isSystemError(cause, 'ENOSPC', 'EDQUOT')
}

async function readiness(storage: RegistryStorage): Promise<Answer> {
  try {
    await storage.listTags(PROBE)
    return text(200, 'ready')
  } catch {
    return text(503, 'the store cannot be read')
  }
}

/** Of a repository that need not be there. */
const PROBE = parseName('probe')

/** What stands in an invalid name must not get into a header. */
function isSound(route: Route | undefined): route is Route {
  return route !== undefined && !('name' in route && nameOrUndefined(route.name) === undefined)
}

function text(status: number, line: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(`${line}\n`) }
}

/** How long a client may go on sending what nobody wants, in milliseconds. */
const LINGER_MS = 5_000

/** A client that is closed upon at once would see a reset instead of the answer. */
function linger(request: IncomingMessage): void {
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS).unref()
  request.once('end', () => clearTimeout(timer))
  request.once('close', () => clearTimeout(timer))
  request.on('error', () => undefined).resume()
}

async function answerRoute(asked: Asked, route: Route): Promise<Answer> {
  if (route.kind === 'base') return json({})
  if (route.kind === 'catalog') return answerCatalog(asked)
  const name = nameOrUndefined(route.name)
  if (name === undefined) {
    return refusal('NAME_INVALID', 'names are lower-case letters and digits, joined by . _ - and /')
  }
  const inRepository = { ...asked, name }
  switch (route.kind) {
    case 'blob':
      return answerBlob(inRepository, route.digest)
    case 'manifest':
      return answerManifest(inRepository, route.reference)
    case 'uploads':
      return answerUploads(inRepository)
    case 'upload':
      return answerUpload(inRepository, route.id)
    case 'tags':
      return answerTags(inRepository)
    case 'referrers':
      return answerReferrers(inRepository, route.digest)
  }
}

function askedOf(request: IncomingMessage, storage: RegistryStorage): Asked {
  const query = (request.url ?? '').split('?').slice(1).join('?')
  return {
    method: request.method ?? 'GET',
    query: new URLSearchParams(query),
    header(name) {
      const value = request.headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    },
    // Left early, it stays open, so that the answer still reaches the client.
    body: request.iterator({ destroyOnReturn: false }),
    storage,
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?')[0] ?? ''
}

function nameOrUndefined(text: string): RepositoryName | undefined {
  try {
    return parseName(text)
  } catch {
    return undefined
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
