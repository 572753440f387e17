import { BallastError, type ByteRange, type CallOptions, type Content } from '../../core/index.ts'
import { bodyOfRange, formatRange, waitToRetry } from '../../http/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
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

/** The bytes of a blob, not verified. A read that breaks off is taken up where it stopped. */
export function openBlob(
  connection: Connection,
  { name, blob }: { readonly name: string; readonly blob: BlobDescriptor },
  options: CallOptions = {},
): Content {
  return {
    size: blob.size,
    open: (range = { offset: 0, length: blob.size }) => read(connection, { name, blob, range }, options),
  }
}

interface Reading {
  readonly name: string
  readonly blob: BlobDescriptor
  readonly range: ByteRange
}

async function* read(
  connection: Connection,
  { name, blob, range }: Reading,
  { signal, onProgress }: CallOptions,
): AsyncIterable<Uint8Array> {
  if (range.length === 0) return
  onProgress?.({ kind: 'start', step: 'download', item: blob.digest, total: range.length })
  const { retryDelays } = connection
  let done = 0
  let tries = 0
  while (done < range.length) {
    try {
      const rest = { offset: range.offset + done, length: range.length - done }
      for await (const chunk of readOnce(connection, { name, blob, range: rest }, signal)) {
        done += chunk.length
        tries = 0
        onProgress?.({ kind: 'bytes', step: 'download', item: blob.digest, count: chunk.length })
        yield chunk
      }
    } catch (error) {
      await waitToRetry(error, retryDelays[tries], signal)
      tries++
    }
  }
  onProgress?.({ kind: 'done', step: 'download', item: blob.digest, digest: blob.digest })
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
