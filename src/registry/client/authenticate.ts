import { BallastError } from '../../core/index.ts'
import { type Challenge, type Credentials, formatBasic, parseChallenges } from '../protocol/index.ts'
import type { OutgoingRequest, Send } from './transport.ts'

/** One way of proving who asks, chosen by the registry's challenge: Basic so far. */
type Scheme = (
  challenge: Challenge,
  context: { readonly host: string; readonly credentials: Credentials | undefined },
) => Promise<string>

const SCHEMES: Readonly<Record<string, Scheme>> = {
  async basic(_, { host, credentials }) {
    if (credentials !== undefined) return formatBasic(credentials)
    throw new BallastError('UNAUTHORIZED', `registry ${host} asks for a user name and password`, {
      hint: `log in to it first, for example: docker login ${host}`,
    })
  },
  async bearer(_, { host }) {
    throw new BallastError('UNAUTHORIZED', `registry ${host} asks for a bearer token: not supported yet`, {
      hint: 'use a registry without login or with Basic authentication; others follow',
    })
  },
}

/**
 * Asks without authorization first and answers the registry's challenge; from then on every request to the
 * registry's own origin carries what the challenge was answered with. Throws UNAUTHORIZED.
 */
export function withAuthentication(
  send: Send,
  {
    base,
    host,
    credentials,
  }: { readonly base: URL; readonly host: string; readonly credentials?: Credentials | undefined },
): Send {
  let authorization: string | undefined
  return async (request) => {
    if (request.url.origin !== base.origin) return send(request)
    const sent = authorization
    const response = await send(authorized(request, sent))
    if (response.status !== 401) return response
    if (authorization === sent) {
      const challenge = chooseChallenge(response.header('www-authenticate'))
      if (challenge === undefined) return response
      await response.discard()
      const answer = await SCHEMES[challenge.scheme]?.(challenge, { host, credentials })
      if (answer === undefined || answer === sent) throw rejected(host)
      authorization = answer
    } else {
      await response.discard()
    }
    const second = await send(authorized(request, authorization))
    if (second.status !== 401) return second
    await second.discard()
    throw rejected(host)
  }
}

function authorized(request: OutgoingRequest, authorization: string | undefined): OutgoingRequest {
  if (authorization === undefined) return request
  return { ...request, headers: { ...request.headers, authorization } }
}

function chooseChallenge(header: string | undefined): Challenge | undefined {
  const challenges = parseChallenges(header === undefined ? [] : [header])
  return (
    challenges.find(({ scheme }) => scheme === 'basic') ?? challenges.find(({ scheme }) => scheme in SCHEMES)
  )
}

function rejected(host: string): BallastError {
  return new BallastError('UNAUTHORIZED', `registry ${host} does not accept the user name and password`, {
    hint: `log in again, for example: docker login ${host}`,
  })
}
