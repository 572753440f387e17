import { BallastError } from '../core/index.ts'
import { mayLead } from './leads.ts'
import type { IncomingResponse, OutgoingRequest, Send } from './transport.ts'

const REDIRECTS = [301, 302, 303, 307, 308]
const MOST = 5

/**
 * Follows redirects of GET and HEAD, as registries and hubs make them to object storage. Credentials are never
 * sent to another origin: they belong to the first, and a signed URL is refused when it comes with any.
 */
export function withRedirects<R extends OutgoingRequest>(send: Send<R>): Send<R> {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(request)
    let current = request
    let asked = request.url.host
    for (let hops = 0; hops <= MOST; hops++) {
      const response = await send(current)
      const location = response.header('location')
      if (!REDIRECTS.includes(response.status) || location === undefined) return response
      asked = response.peer
      await response.discard()
      current = redirected(current, response, location)
    }
    throw new BallastError('REMOTE', `${asked} redirects without end`)
  }
}

function redirected<R extends OutgoingRequest>(request: R, response: IncomingResponse, location: string): R {
  const url = URL.parse(location, response.url.href)
  if (url === null || !mayLead(request.url, url)) {
    throw new BallastError('REMOTE', `${response.peer} redirects to where Ballast does not follow`, {
      hint: 'it leads away from https, to this machine or a private network, or is no URL',
    })
  }
  if (url.origin === request.url.origin) return { ...request, url }
  const { authorization: _, cookie: __, ...headers } = request.headers ?? {}
  return { ...request, url, headers }
}
