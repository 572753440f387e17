import { Readable } from 'node:stream'
import { BallastError, isBallastError } from '../core/index.ts'
import { createTransport, type IncomingResponse, type Network } from '../http/index.ts'
import { bodyToSend, headersToSend, isLongRead } from './sdk-requests.ts'

/** A request as the SDK of AWS hands it to what sends it (`HttpRequest` of @smithy/types). */
interface SdkRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

interface SdkAnswer {
  readonly response: {
    readonly statusCode: number
    readonly headers: Record<string, string>
    readonly body: Readable
  }
}

interface RequestHandler {
  handle(request: SdkRequest, options?: { readonly abortSignal?: unknown }): Promise<SdkAnswer>
  updateHttpClientConfig(): void
  httpHandlerConfigs(): Record<string, never>
  readonly metadata: { readonly handlerProtocol: string }
}

/**
 * Sends the SDK's requests as all others are sent: through the same proxies, within the same bandwidth, with long bodies
 * read by `http/bulk.ts`. The SDK's own handler knows no proxies, and makes an object of each packet.
 */
export function s3Requests(network: Network | undefined): RequestHandler {
  const send = createTransport({ peer: 'S3 server', network })
  return {
    async handle(request, { abortSignal } = {}) {
      const { method, headers } = request
      const body = bodyToSend(request.body)
      try {
        const response = await send({
          method: method as 'GET',
          url: urlOf(request),
          headers: headersToSend(Object.entries(headers)),
          bulk: isLongRead(method, headers.Range ?? headers.range),
          ...(body && { body }),
          signal: abortSignal as AbortSignal | undefined,
        })
        return { response: answerOf(response) }
      } catch (error) {
        // By which the SDK knows what to try again.
        throw isBallastError(error) && error.retryable ? Object.assign(error, { $retryable: {} }) : error
      }
    },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    metadata: { handlerProtocol: 'http/1.1' },
  }
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): URL {
  const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`)
  // As it was signed: what is to be escaped in it is escaped already.
  url.pathname = path
  if (url.pathname !== path) {
    throw new BallastError(
      'REFUSED',
      `${decodeURIComponent(path)}: a key with \`.\` or \`..\` between slashes`,
      {
        hint: 'rename the object: such a key is no path of a URL, and no name for a file',
      },
    )
  }
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => `${percentEncoded(name)}=${percentEncoded(value ?? '')}`),
  )
  url.search = pairs.join('&')
  return url
}

/** RFC 3986, 2.3, which signatures are made of. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function answerOf({ status, headers, body }: IncomingResponse): SdkAnswer['response'] {
  return { statusCode: status, headers: { ...headers }, body: Readable.from(body) }
}
