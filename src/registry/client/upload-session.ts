import { BallastError, type Content, isDigest } from '../../core/index.ts'
import { type IncomingResponse, isDowngrade, mayLead } from '../../http/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { CONTENT_DIGEST, deleteScope, parseReceived, pushScope } from '../protocol/index.ts'
import { ask, askOnce, type Connection, urlOf } from './connection.ts'

/** For a cancellation that nobody waits for gladly, in milliseconds. */
const CANCEL_MS = 2_000

/** What is sent of a blob. */
export const BYTES = { 'content-type': 'application/octet-stream' } as const

export interface SessionCall {
  readonly name: string
  /** For people, behind "refuses". */
  readonly what: string
  readonly signal: AbortSignal | undefined
}

/** An empty POST, which also settles redirects and authentication. Where the upload goes on. */
export async function openSession(connection: Connection, { name, what, signal }: SessionCall): Promise<URL> {
  const url = urlOf(connection, { kind: 'uploads', name })
  const scopes = [pushScope(name)]
  const opened = await askOnce(connection, { method: 'POST', url, scopes, signal }, { statuses: [202], what })
  await opened.discard()
  return locationOf(opened)
}

/** A part of a blob: its bytes, and where they begin. */
export interface Chunk {
  readonly offset: number
  readonly body: Content
}

function rangeOf({ offset, body }: Chunk): string {
  return `${offset}-${offset + body.size - 1}`
}

/** How far an upload has come, and where it goes on. */
export interface UploadState {
  readonly session: URL
  /** In bytes. */
  readonly received: number
}

/** Sends what is neither the first nor the last (distribution-spec, "Pushing a blob in chunks"). */
export async function appendChunk(
  connection: Connection,
  { name, what, signal, session, chunk }: SessionCall & { readonly session: URL; readonly chunk: Chunk },
): Promise<UploadState> {
  const headers = { ...BYTES, 'content-range': rangeOf(chunk) }
  const request = { method: 'PATCH', url: session, headers, body: chunk.body } as const
  const sent = { ...request, scopes: [pushScope(name)], signal }
  const taken = await askOnce(connection, sent, { statuses: [200, 201, 202, 204], what })
  await taken.discard()
  // Registries may take less of a chunk than they were sent.
  const end = chunk.offset + chunk.body.size
  const received = parseReceived(taken.header('range')) ?? end
  return { session: locationOf(taken), received: Math.min(received, end) }
}

/** What has arrived: nothing where the registry does not say. Undefined for an upload that it does not know any more. */
export async function stateOfSession(
  connection: Connection,
  { name, what, signal, session }: SessionCall & { readonly session: URL },
): Promise<UploadState | undefined> {
  const request = { method: 'GET', url: session, scopes: [pushScope(name)], signal } as const
  const statuses = [200, 202, 204, 400, 404, 405, 410, 416]
  const answer = await ask(connection, request, { statuses, what })
  await answer.discard()
  if ([400, 404, 410].includes(answer.status)) return undefined
  const received = (answer.status < 300 && parseReceived(answer.header('range'))) || 0
  return { session: answer.header('location') === undefined ? session : locationOf(answer), received }
}

/** Ends the upload with what is still to be sent, where that is anything, and makes the blob visible. */
export async function endSession(
  connection: Connection,
  {
    name,
    what,
    signal,
    session,
    blob,
    rest,
  }: SessionCall & {
    readonly session: URL
    readonly blob: BlobDescriptor
    readonly rest?: Chunk
  },
): Promise<void> {
  const url = withQuery(session, `digest=${encodeURIComponent(blob.digest)}`)
  const scopes = [pushScope(name)]
  // What is whole needs no range, and some registries refuse one.
  const range = rest !== undefined && rest.offset > 0 ? { 'content-range': rangeOf(rest) } : {}
  const headers = rest === undefined ? {} : { ...BYTES, ...range }
  const request = { method: 'PUT', url, headers, ...(rest && { body: rest.body }), scopes, signal } as const
  const stored = await askOnce(connection, request, { statuses: [200, 201, 204], what })
  await stored.discard()
  const digest = stored.header(CONTENT_DIGEST)
  if (digest !== undefined && isDigest(digest) && digest !== blob.digest) {
    throw new BallastError('REMOTE', `registry ${connection.host} stored ${digest} instead of ${blob.digest}`)
  }
}

/** Best effort: a registry drops forgotten sessions by itself, only later. */
export async function cancelSession(
  connection: Connection,
  { name, session }: { readonly name: string; readonly session: URL },
): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_MS)
  const request = { method: 'DELETE', url: session, scopes: [deleteScope(name)], signal } as const
  await connection.send(request).then(
    (response) => response.discard(),
    () => undefined,
  )
}

/**
 * Absolute or relative to the request; it may be of another host. A registry behind a proxy that ends TLS often
 * gives its own address with `http:`, and is reached the way it was reached before.
 */
export function locationOf(response: IncomingResponse): URL {
  const { host } = response.url
  const location = response.header('location')
  const url = location === undefined ? null : URL.parse(location, response.url.href)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new BallastError('REMOTE', `registry ${host} does not say where to upload to`)
  }
  url.username = url.password = ''
  if (url.host === host && isDowngrade(response.url, url)) url.protocol = response.url.protocol
  if (mayLead(response.url, url)) return url
  throw new BallastError('REMOTE', `registry ${host} wants the upload sent to where Ballast does not`, {
    hint: `it was asked at ${response.url.origin}, and names ${url.origin}`,
  })
}

/** As text: URLSearchParams would encode the whole query anew and break what the registry has signed in it. */
export function withQuery(url: URL, query: string): URL {
  const result = new URL(url)
  result.search = url.search === '' ? query : `${url.search}&${query}`
  return result
}
