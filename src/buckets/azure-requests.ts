import { Readable } from 'node:stream'
import type { HttpHeaders, HttpOperationResponse, IHttpClient, WebResource } from '@azure/storage-blob'
import { isBallastError, readAll } from '../core/index.ts'
import { createTransport, type IncomingResponse, type Network } from '../http/index.ts'
import { bodyToSend, headersToSend, isLongRead } from './sdk-requests.ts'

/**
 * Sends the library's requests as all others are sent: through the same proxies, within the same bandwidth, with long bodies read by
 * `http/bulk.ts`. The library's own client makes an object of each packet.
 */
export function azureRequests(network: Network | undefined): IHttpClient {
  const send = createTransport({ peer: 'Azure Blob Storage', network })
  return {
    async sendRequest(request) {
      const { method, headers } = request
      const body = bodyToSend(request.body)
      try {
        const response = await send({
          method: method as 'GET',
          url: new URL(request.url),
          headers: headersToSend(headers.headersArray().map(({ name, value }) => [name, value])),
          bulk: isLongRead(method, headers.get('x-ms-range')),
          ...(body && { body }),
          signal: request.abortSignal as AbortSignal | undefined,
        })
        return await answerOf(request, response)
      } catch (error) {
        throw isBallastError(error) && error.retryable ? worthAnother(error) : error
      }
    },
  }
}

/** By which the library knows what to try again. `explain` finds what was thrown. */
function worthAnother(error: Error): Error {
  return Object.assign(new Error(error.message, { cause: error }), { code: 'REQUEST_SEND_ERROR' })
}

/** In bytes. Of a listing, 5,000 names of a kilobyte each and what is told of them. */
const LARGEST_PAGE = 64 * 1024 * 1024

async function answerOf(request: WebResource, response: IncomingResponse): Promise<HttpOperationResponse> {
  const { status, headers, body } = response
  const answer = { request, status, headers: headersFrom(request.headers, headers) }
  if (request.method === 'HEAD') {
    await response.discard()
    return answer
  }
  if (request.streamResponseStatusCodes?.has(status)) {
    return { ...answer, readableStreamBody: Readable.from(body) }
  }
  return { ...answer, bodyAsText: (await readAll(body, LARGEST_PAGE)).toString('utf8') }
}

/** The library has a class for headers, and shows it to nobody. */
function headersFrom(known: HttpHeaders, headers: Readonly<Record<string, string>>): HttpHeaders {
  const made = known.clone()
  for (const name of made.headerNames()) made.remove(name)
  for (const [name, value] of Object.entries(headers)) made.set(name, value)
  return made
}
