import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Digest,
  digestOf,
  isDigest,
} from '../../core/index.ts'
import { type IncomingResponse, readDocument, withRetries } from '../../http/index.ts'
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_INDEX,
  OCI_MANIFEST,
  parseJson,
} from '../../model/index.ts'
import type { StoredManifest } from '../../oci/index.ts'
import {
  CONTENT_DIGEST,
  deleteScope,
  LARGEST_MANIFEST,
  OCI_SUBJECT,
  pullScope,
  pushScope,
} from '../protocol/index.ts'
import { ask, askOnce, type Connection, urlOf } from './connection.ts'

const ACCEPT = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST].join(', ')

/** By tag or digest; undefined when there is none. Throws DAMAGED for bytes of another digest. */
export async function getManifest(
  connection: Connection,
  { name, reference }: { readonly name: string; readonly reference: string },
  { signal }: CallOptions = {},
): Promise<StoredManifest | undefined> {
  const url = urlOf(connection, { kind: 'manifest', name, reference })
  const scopes = [pullScope(name)]
  const request = { method: 'GET', url, headers: { accept: ACCEPT }, scopes, signal } as const
  const what = `the manifest of ${name}:${reference}`
  return withRetries(connection.retryDelays, signal, async () => {
    const response = await askOnce(connection, request, { statuses: [200, 404], what })
    if (response.status === 404) {
      await response.discard()
      return undefined
    }
    const bytes = await readDocument(response, { limit: LARGEST_MANIFEST, what })
    const digest = digestOf(bytes)
    const expected = isDigest(reference) ? reference : announced(response)
    if (expected !== undefined && expected !== digest) {
      const why = `${expected} expected, the bytes have ${digest}`
      // On its way, more often than where it is kept.
      throw new BallastError('DAMAGED', `${what} is damaged: ${why}`, { retryable: true })
    }
    return { mediaType: mediaTypeOf(response, bytes), digest, bytes }
  })
}

/** The digest that a tag stands for, without reading the manifest where the registry says it. Undefined when there is none. */
export async function headManifest(
  connection: Connection,
  { name, reference }: { readonly name: string; readonly reference: string },
  options: CallOptions = {},
): Promise<Digest | undefined> {
  const url = urlOf(connection, { kind: 'manifest', name, reference })
  const { signal } = options
  const scopes = [pullScope(name)]
  const request = { method: 'HEAD', url, headers: { accept: ACCEPT }, scopes, signal } as const
  const what = `the manifest of ${name}:${reference}`
  const response = await ask(connection, request, { statuses: [200, 404], what })
  await response.discard()
  if (response.status === 404) return undefined
  return announced(response) ?? (await getManifest(connection, { name, reference }, options))?.digest
}

/**
 * Under the tag where one is given, else by digest. Throws DAMAGED when `digest` is not that of the bytes. The digest of
 * the subject that the registry knows the manifest to be attached to, where it says so.
 */
export async function putManifest(
  connection: Connection,
  {
    name,
    manifest,
    tag,
  }: { readonly name: string; readonly manifest: StoredManifest; readonly tag: string | undefined },
  { signal }: CallOptions = {},
): Promise<string | undefined> {
  const { mediaType, digest, bytes } = manifest
  if (digestOf(bytes) !== digest) throw new BallastError('DAMAGED', `the manifest to push is not ${digest}`)
  const request = {
    method: 'PUT',
    url: urlOf(connection, { kind: 'manifest', name, reference: tag ?? digest }),
    headers: { 'content-type': mediaType },
    body: bytesContent(bytes),
    scopes: [pushScope(name)],
    signal,
  } as const
  const what = `the manifest of ${name}:${tag ?? digest}`
  return withRetries(connection.retryDelays, signal, async () => {
    const response = await askOnce(connection, request, { statuses: [200, 201, 202, 204], what })
    await response.discard()
    const stored = announced(response)
    if (stored === undefined || stored === digest) return response.header(OCI_SUBJECT)
    // What was changed on its way stands under the tag now, until it is put there again.
    throw new BallastError('REMOTE', `registry ${connection.host} stored ${stored} instead of ${digest}`, {
      hint: 'something between this machine and the registry changes what is sent',
      retryable: true,
    })
  })
}

/** Removes a tag, or with a digest the manifest and all its tags; false when there is none. */
export async function deleteManifest(
  connection: Connection,
  { name, reference }: { readonly name: string; readonly reference: string },
  { signal }: CallOptions = {},
): Promise<boolean> {
  const url = urlOf(connection, { kind: 'manifest', name, reference })
  const what = `to delete ${name}:${reference}`
  const response = await ask(
    connection,
    { method: 'DELETE', url, scopes: [deleteScope(name)], signal },
    { statuses: [200, 202, 204, 404], what },
  )
  await response.discard()
  return response.status !== 404
}

function announced(response: IncomingResponse): Digest | undefined {
  const digest = response.header(CONTENT_DIGEST)
  return digest !== undefined && isDigest(digest) ? digest : undefined
}

/** A manifest's own `mediaType` counts where the answer's type is one that proxies make up. */
function mediaTypeOf(response: IncomingResponse, bytes: Uint8Array): string {
  const declared = response.header('content-type')?.split(';')[0]?.trim() ?? ''
  if (/^application\/vnd\./.test(declared)) return declared
  const inside = parseJson(bytes)?.mediaType
  return typeof inside === 'string' ? inside : OCI_MANIFEST
}
