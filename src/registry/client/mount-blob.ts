import { type CallOptions, isBallastError } from '../../core/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { pullScope, pushScope } from '../protocol/index.ts'
import { ask, type Connection, urlOf } from './connection.ts'
import { cancelSession, locationOf, withQuery } from './upload-session.ts'

/**
 * Takes a blob over from another repository of the same registry (distribution-spec, "Mounting a blob"). Refusals
 * come in many kinds (202, 401, 403, 404, 405), and all mean that the bytes have to be uploaded: false. So does a failure: the
 * upload shows whether it is one of the mount alone.
 */
export async function mountBlob(
  connection: Connection,
  { name, blob, from }: { readonly name: string; readonly blob: BlobDescriptor; readonly from: string },
  { signal, onProgress }: CallOptions = {},
): Promise<boolean> {
  const query = `mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(from)}`
  const url = withQuery(urlOf(connection, { kind: 'uploads', name }), query)
  const statuses = [201, 202, 400, 403, 404, 405, 416, 422, 501]
  const response = await ask(
    connection,
    { method: 'POST', url, scopes: [pushScope(name), pullScope(from)], signal },
    { statuses, what: 'to mount a blob' },
  ).catch((error: unknown) => {
    if (!isBallastError(error) || error.code === 'INTERRUPTED') throw error
    return undefined
  })
  await response?.discard()
  if (response?.status === 202) await cancelSession(connection, { name, session: locationOf(response) })
  if (response?.status !== 201) return false
  onProgress?.({ kind: 'skip', step: 'upload', item: blob.digest, because: 'mounted' })
  return true
}
