import { BallastError, keepSecret } from '../../core/index.ts'
import { unlessAborted } from '../../http/index.ts'
import {
  type Challenge,
  formatBasic,
  type Login,
  mergeScopes,
  parseChallenges,
  parseScopes,
} from '../protocol/index.ts'
import { checkRealm, type TokenServer } from './realm.ts'
import type { RegistryRequest, RegistrySend } from './request.ts'
import { createTokenCache } from './token-cache.ts'
import { loginNeeded, loginRefused, requestToken } from './token-request.ts'

/** How a registry asked to be shown who asks, and what it is shown. */
interface Proof {
  /** Whether another challenge is answered in the same way. */
  answers(challenge: Challenge): boolean
  /** The value of `Authorization`. `refused` was sent and answered with 401, and a challenge of this `scope`. */
  authorize(
    request: RegistryRequest,
    asked?: { readonly scope: string | undefined; readonly refused: string | undefined },
  ): Promise<string>
  /** What a second 401 means; undefined where the registry itself says it best. */
  readonly failure: BallastError | undefined
}

export interface AuthenticationOptions {
  readonly base: URL
  /** For people. */
  readonly host: string
  /** Asked once, when the registry first asks for a login. */
  readonly login: () => Promise<Login | undefined>
}

/**
 * Asks without authorization first and answers the registry's challenge, Basic or Bearer; from then on every request to
 * the registry's own origin carries what the challenge is answered with. A token that is at its end, or refused half-way,
 * is replaced once a request. Throws UNAUTHORIZED, REMOTE.
 */
export function withAuthentication(
  send: RegistrySend,
  { base, host, login }: AuthenticationOptions,
): RegistrySend {
  let proof: Proof | undefined
  let found: Promise<Login | undefined> | undefined

  async function prove(challenge: Challenge, signal: AbortSignal | undefined): Promise<Proof> {
    found ??= login().then(hidden)
    const known = await unlessAborted(found, signal)
    // Another request may have got this far meanwhile.
    if (proof?.answers(challenge) !== true) {
      const options = { base, host, login: known, send }
      proof = challenge.scheme === 'basic' ? proveByPassword(options) : proveByToken(challenge, options)
    }
    return proof
  }

  return async (request) => {
    if (request.url.origin !== base.origin) return send(request)
    const sent = await proof?.authorize(request)
    const response = await send(authorized(request, sent))
    if (response.status !== 401) return response
    const challenge = chooseChallenge(response.header('www-authenticate'))
    if (challenge === undefined && proof === undefined) return response
    await response.discard()
    // Some registries say nothing more than 401 once a token is at its end.
    const chosen = challenge === undefined ? proof : await prove(challenge, request.signal)
    const answer = await chosen?.authorize(request, { scope: challenge?.parameters.scope, refused: sent })
    const second = await send(authorized(request, answer))
    if (second.status !== 401 || chosen?.failure === undefined) return second
    await second.discard()
    throw chosen.failure
  }
}

function authorized(request: RegistryRequest, authorization: string | undefined): RegistryRequest {
  if (authorization === undefined) return request
  return { ...request, headers: { ...request.headers, authorization } }
}

/** Bearer first: it lets in those who have no login where that is allowed. */
function chooseChallenge(header: string | undefined): Challenge | undefined {
  const challenges = parseChallenges(header === undefined ? [] : [header])
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm)
  return bearer ?? challenges.find(({ scheme }) => scheme === 'basic')
}

interface ProofOptions {
  readonly base: URL
  readonly host: string
  readonly login: Login | undefined
  readonly send: RegistrySend
}

function proveByPassword({ host, login }: ProofOptions): Proof {
  return {
    answers: ({ scheme }) => scheme === 'basic',
    failure: loginRefused(host, 'password'),
    async authorize(_, asked) {
      if (login === undefined) {
        throw new BallastError('UNAUTHORIZED', `registry ${host} asks for a user name and password`, {
          hint: `log in to it first, for example: docker login ${host}`,
        })
      }
      if (!('password' in login)) {
        throw new BallastError(
          'UNAUTHORIZED',
          `registry ${host} asks for a password, and the login is a token`,
          {
            hint: `log in to it with a user name and a password: docker login ${host}`,
          },
        )
      }
      const authorization = formatBasic(login)
      if (authorization === asked?.refused) throw loginRefused(host, 'password')
      return authorization
    },
  }
}

function proveByToken(first: Challenge, { base, host, login, send }: ProofOptions): Proof {
  if (login !== undefined && 'registryToken' in login) return proveByRegistryToken(login.registryToken, host)
  const { realm: given, service } = first.parameters
  const server: TokenServer = {
    realm: checkRealm(given, { base, host, hasLogin: login !== undefined }),
    service,
  }
  /** What the registry turned out to ask for, by what was expected. */
  const wanted = new Map<string, readonly string[]>()
  let current = login
  const tokens = createTokenCache(async (key, signal) => {
    const request = { host, server, scopes: key.split(' ').filter(Boolean), login: current }
    const granted = await requestToken(send, request, signal)
    if (granted.identityToken !== undefined && current !== undefined && 'identityToken' in current) {
      current = { identityToken: granted.identityToken }
    }
    return granted
  })
  return {
    answers: ({ scheme, parameters }) =>
      scheme === 'bearer' && parameters.realm === given && parameters.service === service,
    failure: login === undefined ? loginNeeded(host) : undefined,
    async authorize({ scopes = [], signal }, asked) {
      const expected = scopes.join(' ')
      if (asked !== undefined) {
        wanted.set(expected, mergeScopes([...scopes, ...parseScopes(asked.scope)]))
      }
      const all = wanted.get(expected) ?? mergeScopes(scopes)
      const refused = asked?.refused?.replace(/^Bearer /, '')
      return `Bearer ${await tokens.get(all.join(' '), { refused, signal })}`
    },
  }
}

function proveByRegistryToken(token: string, host: string): Proof {
  const authorization = `Bearer ${token}`
  return {
    answers: ({ scheme }) => scheme === 'bearer',
    failure: loginRefused(host, 'token'),
    async authorize(_, asked) {
      if (authorization === asked?.refused) throw loginRefused(host, 'token')
      return authorization
    },
  }
}

/** In every form in which it is sent. */
function hidden(login: Login | undefined): Login | undefined {
  if (login === undefined) return undefined
  if ('password' in login) {
    keepSecret(login.password)
    keepSecret(formatBasic(login).replace(/^Basic /, ''))
  } else {
    keepSecret('identityToken' in login ? login.identityToken : login.registryToken)
  }
  return login
}
