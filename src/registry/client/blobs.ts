import { BallastError, type ByteRange, type CallOptions, type Content } from '../../core/index.ts'
import type { BlobDescriptor } from '../../oci/index.ts'
import { formatRange, parseContentRange, pullScope } from '../protocol/index.ts'
import { ask, askOnce, type Connection, urlOf } from './connection.ts'
import { waitToRetry } from './retry.ts'
import type { IncomingResponse } from './transport.ts'

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
  const skip = skipped(response, { blob, range })
  if (skip instanceof BallastError) {
    await response.discard()
    throw skip
  }
  let left = range.length
  for await (const chunk of cut(response.body, skip, range.length)) {
    left -= chunk.length
    yield chunk
  }
  if (left > 0) {
    throw new BallastError('REMOTE', `registry ${connection.host} broke off within ${blob.digest}`, {
      hint: 'run the command again',
      retryable: true,
    })
  }
}

/**
 * How many bytes of the answer come before those that were asked for. Some registries and caches ignore `Range` and
 * answer 200 with everything, which must not be taken for the range. An error where the answer is no use at all.
 */
function skipped(
  response: IncomingResponse,
  { blob, range }: { readonly blob: BlobDescriptor; readonly range: ByteRange },
): number | BallastError {
  const problem = (what: string): BallastError =>
    new BallastError('DAMAGED', `${response.url.host} sends ${blob.digest} ${what}`)
  const encoding = response.header('content-encoding') ?? 'identity'
  if (encoding !== 'identity') return problem('encoded, which changes its bytes')
  if (response.status === 206) {
    const got = parseContentRange(response.header('content-range'))
    if (got?.offset === range.offset && got.length === range.length) return 0
    return problem('in another range than it was asked for')
  }
  const length = response.header('content-length')
  if (length !== undefined && Number(length) !== blob.size) {
    return problem(`with ${length} bytes where ${blob.size} are expected`)
  }
  return range.offset
}

/** `length` bytes from `skip` on; more than that only where the whole was asked for and nothing is known of its end. */
async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  skip: number,
  length: number,
): AsyncIterable<Uint8Array> {
  let at = 0
  for await (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, skip - at), Math.max(0, skip + length - at))
    at += chunk.length
    if (part.length > 0) yield part
    if (at >= skip + length) return
  }
}
