import { BallastError } from '../../core/index.ts'
import { mayLead } from './leads.ts'
import type { IncomingResponse, OutgoingRequest, Send } from './transport.ts'

const REDIRECTS = [301, 302, 303, 307, 308]
const MOST = 5

/**
 * Follows redirects of GET and HEAD, as registries make them to object storage. Authorization is never sent to
 * another origin: it belongs to the registry, and a signed URL is refused when it comes with one.
 */
export function withRedirects(send: Send): Send {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(request)
    let current: OutgoingRequest = request
    for (let hops = 0; hops <= MOST; hops++) {
      const response = await send(current)
      const location = response.header('location')
      if (!REDIRECTS.includes(response.status) || location === undefined) return response
      await response.discard()
      current = redirected(current, response, location)
    }
    throw new BallastError('REMOTE', `registry ${request.url.host} redirects without end`)
  }
}

function redirected(request: OutgoingRequest, response: IncomingResponse, location: string): OutgoingRequest {
  const url = URL.parse(location, response.url.href)
  if (url === null || !mayLead(request.url, url)) {
    throw new BallastError(
      'REMOTE',
      `registry ${request.url.host} redirects to where Ballast does not follow`,
      {
        hint: 'it leads away from https, to this machine or a private network, or is no URL',
      },
    )
  }
  if (url.origin === request.url.origin) return { ...request, url }
  const { authorization: _, ...headers } = request.headers ?? {}
  return { ...request, url, headers }
}
