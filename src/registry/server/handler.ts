import type { IncomingMessage, ServerResponse } from 'node:http'
import { redact } from '../../core/index.ts'
import { parseName, type RepositoryName } from '../../model/index.ts'
import { type Credentials, parseRoute, type Route } from '../protocol/index.ts'
import { isAuthorized, isLocalHost } from './access.ts'
import { type Answer, json, refusal, writeAnswer } from './answer.ts'
import type { Asked } from './asked.ts'
import { answerBlob } from './blob-routes.ts'
import { answerCatalog, answerReferrers, answerTags } from './listing-routes.ts'
import { answerManifest } from './manifest-routes.ts'
import type { RegistryStorage } from './storage.ts'
import { answerUpload, answerUploads } from './upload-routes.ts'

export interface HandlerOptions {
  /** Asked of every request, where they are given. */
  readonly credentials?: Credentials | undefined
  /** One line for each failure that is not the client's. Secrets are taken out. */
  readonly log?: ((line: string) => void) | undefined
}

export type RegistryHandler = (request: IncomingMessage, response: ServerResponse) => void

/** Answers the OCI distribution API (distribution-spec 1.1) from a storage, as a handler of `node:http`. */
export function createRegistryHandler(
  storage: RegistryStorage,
  { credentials, log }: HandlerOptions = {},
): RegistryHandler {
  const report = (request: IncomingMessage, error: unknown): void =>
    log?.(redact(`registry: ${request.method} ${pathOf(request)}: ${describe(error)}`))

  async function answer(request: IncomingMessage): Promise<Answer> {
    if (credentials !== undefined && !isAuthorized(request.headers.authorization, credentials)) {
      return refusal('UNAUTHORIZED', 'a user name and password are needed', { headers: CHALLENGE })
    }
    if (credentials === undefined && !isLocalHost(request.headers.host)) {
      return refusal('DENIED', 'without a login, this registry answers only to localhost and addresses')
    }
    const route = parseRoute(pathOf(request))
    if (route === undefined) return refusal('UNSUPPORTED', 'there is nothing at this path', { status: 404 })
    return answerRoute(askedOf(request, storage), route)
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answered = await answer(request).catch((error: unknown) => {
      if (!request.destroyed || request.complete) report(request, error)
      return refusal('UNKNOWN', 'the registry failed: see its log')
    })
    if (response.destroyed) return
    if (!request.complete) response.once('finish', () => linger(request))
    await writeAnswer(response, answered, { withoutBody: request.method === 'HEAD' })
  }

  return (request, response) => {
    response.on('error', () => undefined)
    respond(request, response).catch((error: unknown) => {
      report(request, error)
      response.destroy()
    })
  }
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

const CHALLENGE = { 'www-authenticate': 'Basic realm="ballast", charset="UTF-8"' }

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
