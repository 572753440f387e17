import {
  BallastError,
  type CallOptions,
  type Content,
  isBallastError,
  isDigest,
  metered,
} from '../../core/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { CONTENT_DIGEST, deleteScope, pullScope, pushScope } from '../protocol/index.ts'
import { ask, askOnce, type Connection, urlOf } from './connection.ts'
import { isDowngrade, mayLead } from './leads.ts'
import { withRetries } from './retry.ts'
import type { IncomingResponse } from './transport.ts'

/** For a cancellation that nobody waits for gladly, in milliseconds. */
const CANCEL_MS = 2_000

/**
 * Uploads in one piece: an empty POST, which also settles redirects and authentication, then one PUT with the bytes
 * (distribution-spec, "POST then PUT"). A try that fails cancels its session and begins again.
 * Throws DAMAGED when `content` is not what `blob` says.
 */
export async function putBlob(
  connection: Connection,
  {
    name,
    blob,
    content,
  }: { readonly name: string; readonly blob: BlobDescriptor; readonly content: Content },
  { signal, onProgress }: CallOptions = {},
): Promise<void> {
  if (content.size !== blob.size) {
    throw new BallastError('DAMAGED', `${blob.digest}: ${blob.size} bytes expected, ${content.size} found`)
  }
  const what = `the upload of ${blob.digest}`
  const item = blob.digest
  const body: Content = {
    size: blob.size,
    open: () =>
      metered(
        content.open(),
        (count) => onProgress?.({ kind: 'bytes', step: 'upload', item, count }),
        signal,
      ),
  }
  await withRetries(connection.retryDelays, signal, async () => {
    onProgress?.({ kind: 'start', step: 'upload', item, total: blob.size })
    const url = urlOf(connection, { kind: 'uploads', name })
    const scopes = [pushScope(name)]
    const opened = await askOnce(
      connection,
      { method: 'POST', url, scopes, signal },
      { statuses: [202], what },
    )
    await opened.discard()
    const session = locationOf(opened)
    try {
      const headers = { 'content-type': 'application/octet-stream' }
      const target = withQuery(session, `digest=${encodeURIComponent(blob.digest)}`)
      const request = { method: 'PUT', url: target, headers, body, scopes, signal } as const
      const stored = await askOnce(connection, request, { statuses: [200, 201, 204], what })
      await stored.discard()
      const digest = stored.header(CONTENT_DIGEST)
      if (digest !== undefined && isDigest(digest) && digest !== blob.digest) {
        throw new BallastError(
          'REMOTE',
          `registry ${connection.host} stored ${digest} instead of ${blob.digest}`,
        )
      }
    } catch (error) {
      await cancel(connection, { name, session })
      throw error
    }
  })
  onProgress?.({ kind: 'done', step: 'upload', item, digest: blob.digest })
}

/**
 * Takes a blob over from another repository of the same registry (distribution-spec, "Mounting a blob"). Refusals
 * come in many kinds (202, 401, 403, 404, 405), and all mean that the bytes have to be uploaded: false.
 */
export async function mountBlob(
  connection: Connection,
  { name, blob, from }: { readonly name: string; readonly blob: BlobDescriptor; readonly from: string },
  { signal, onProgress }: CallOptions = {},
): Promise<boolean> {
  const query = `mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`
  const url = withQuery(urlOf(connection, { kind: 'uploads', name }), query)
  const statuses = [201, 202, 400, 403, 404, 405, 416, 422]
  const response = await ask(
    connection,
    { method: 'POST', url, scopes: [pushScope(name), pullScope(from)], signal },
    { statuses, what: 'to mount a blob' },
  ).catch((error: unknown) => {
    if (isBallastError(error, 'UNAUTHORIZED')) return undefined
    throw error
  })
  await response?.discard()
  if (response?.status === 202) await cancel(connection, { name, session: locationOf(response) })
  if (response?.status !== 201) return false
  onProgress?.({ kind: 'skip', step: 'upload', item: blob.digest, because: 'mounted' })
  return true
}

/** Best effort: a registry drops forgotten sessions by itself, only later. */
async function cancel(
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
function locationOf(response: IncomingResponse): URL {
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
function withQuery(url: URL, query: string): URL {
  const result = new URL(url)
  result.search = url.search === '' ? query : `${url.search}&${query}`
  return result
}
