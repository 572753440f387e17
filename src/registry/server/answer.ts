import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { systemCode } from '../../core/index.ts'
import { encodeErrors, OCI_STATUS, type OciCode } from '../protocol/index.ts'

/** What a request is answered with; the body is left out where the request was HEAD. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | StreamedBody
}

/** Bytes that are read only while somebody takes them. */
export interface StreamedBody {
  readonly length: number
  open(): AsyncIterable<Uint8Array>
}

export interface RefusalOptions {
  /** Instead of the one that goes with the code. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly detail?: unknown
}

/** An answer that says in the OCI form why not. */
export function refusal(code: OciCode, message: string, options: RefusalOptions = {}): Answer {
  return {
    status: options.status ?? OCI_STATUS[code],
    headers: { 'content-type': 'application/json', ...options.headers },
    body: Buffer.from(encodeErrors(code, message, options.detail)),
  }
}

export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = Buffer.from(JSON.stringify(value))
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body }
}

/** Sends the answer. Stops reading its body as soon as the client is gone; throws what reading it throws. */
export async function writeAnswer(
  response: ServerResponse,
  { status, headers, body }: Answer,
  { withoutBody }: { readonly withoutBody: boolean },
): Promise<void> {
  const length = status === 204 || status === 304 ? undefined : (body?.length ?? 0)
  response.writeHead(status, {
    'docker-distribution-api-version': 'registry/2.0',
    'x-content-type-options': 'nosniff',
    ...headers,
    ...(length !== undefined && { 'content-length': length }),
  })
  if (withoutBody || body === undefined || length === 0) return void response.end()
  if (body instanceof Uint8Array) return void response.end(body)
  await pipeline(body.open(), response).catch((error: unknown) => {
    if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}
