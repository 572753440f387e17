import { BallastError, type ByteRange, type CallOptions, type Content, metered } from '../../core/index.ts'
import { bodyOfRange, formatRange, LONG_BODY, retriedContent } from '../../http/index.ts'
import type { BlobDescriptor, OpenBlobOptions } from '../../oci/index.ts'
import { pullScope } from '../protocol/index.ts'
import { ask, askOnce, type Connection, urlOf } from './connection.ts'

/** Whether the repository has the blob, at its right size where the registry tells one. */
export async function hasBlob(
  connection: Connection,
  { name, blob }: { readonly name: string; readonly blob: BlobDescriptor },
  { signal }: CallOptions = {},
): Promise<boolean> {
  const url = urlOf(connection, { kind: 'blob', name, digest: blob.digest })
  const what = `to look for ${blob.digest}`
  const scopes = [pullScope(name)]
  const response = await ask(
    connection,
    { method: 'HEAD', url, scopes, signal },
    { statuses: [200, 404], what },
  )
  await response.discard()
  if (response.status === 404) return false
  const length = response.header('content-length')
  return length === undefined || Number(length) === blob.size
}

/** The bytes of a blob, not verified. A read that breaks off is taken up where it stopped, unless `once`. */
export function openBlob(
  connection: Connection,
  { name, blob }: { readonly name: string; readonly blob: BlobDescriptor },
  { signal, onProgress, once = false }: OpenBlobOptions = {},
): Content {
  const { digest: item, size } = blob
  const unsure: Content = {
    size,
    open: (range = { offset: 0, length: size }, own) =>
      readOnce(connection, { name, blob, range }, own ?? signal),
  }
  const sure = once ? unsure : retriedContent(unsure, { delays: connection.retryDelays })
  return {
    size,
    ownChunks: true,
    async *open(range = { offset: 0, length: size }, own = signal) {
      onProgress?.({ kind: 'start', step: 'download', item, total: range.length })
      yield* metered(sure.open(range, own), (count) => {
        onProgress?.({ kind: 'bytes', step: 'download', item, count })
      })
      onProgress?.({ kind: 'done', step: 'download', item, digest: item })
    },
  }
}

interface Reading {
  readonly name: string
  readonly blob: BlobDescriptor
  readonly range: ByteRange
}

/** Throws rather than ends early. */
async function* readOnce(
  connection: Connection,
  { name, blob, range }: Reading,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const whole = range.length === blob.size
  const response = await askOnce(
    connection,
    {
      method: 'GET',
      url: urlOf(connection, { kind: 'blob', name, digest: blob.digest }),
      headers: whole ? {} : { range: formatRange(range) },
      bulk: range.length >= LONG_BODY,
      scopes: [pullScope(name)],
      signal,
    },
    { statuses: [200, 206, 404], what: `the content of ${blob.digest}` },
  )
  if (response.status === 404) {
    await response.discard()
    throw new BallastError('NOT_FOUND', `registry ${connection.host} has no blob ${blob.digest} in ${name}`)
  }
  yield* bodyOfRange(response, { range, size: blob.size, what: blob.digest })
}
