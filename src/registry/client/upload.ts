import { BallastError, type CallOptions, type Content, isBallastError, metered } from '../../core/index.ts'
import { withRetries } from '../../http/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { pullScope, pushScope } from '../protocol/index.ts'
import { ask, type Connection, urlOf } from './connection.ts'
import { cancelSession, endSession, locationOf, openSession, withQuery } from './upload-session.ts'

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
    const session = await openSession(connection, { name, what, signal })
    try {
      await endSession(connection, { name, what, signal, session, blob, body })
    } catch (error) {
      await cancelSession(connection, { name, session })
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
  if (response?.status === 202) await cancelSession(connection, { name, session: locationOf(response) })
  if (response?.status !== 201) return false
  onProgress?.({ kind: 'skip', step: 'upload', item: blob.digest, because: 'mounted' })
  return true
}
