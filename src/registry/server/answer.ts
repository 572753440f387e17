import type { ServerResponse } from 'node:http'
import { encodeErrors, OCI_STATUS, type OciCode } from '../protocol/index.ts'

/** What a request is answered with; the body is left out where the request was HEAD. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | StreamedBody
}

/** Bytes that are read only while somebody takes them: each chunk is done with before the next is asked for. */
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
  await send(response, body.open())
}

/** Waits until each chunk has left this process, so that its memory can be used again. */
async function send(response: ServerResponse, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let settle = (_isTaken: boolean): void => undefined
  response.once('close', () => settle(false))
  for await (const chunk of chunks) {
    const isTaken = await new Promise<boolean>((resolve) => {
      settle = resolve
      if (response.destroyed) resolve(false)
      else response.write(chunk, (error) => resolve(!error))
    })
    // Nobody is there any more; leaving ends the reading.
    if (!isTaken) return
  }
  response.end()
}
