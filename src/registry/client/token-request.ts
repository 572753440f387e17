import { BallastError, bytesContent, keepSecret } from '../../core/index.ts'
import { type IncomingResponse, type OutgoingRequest, readDocument, type Send } from '../../http/index.ts'
import { parseJson } from '../../model/index.ts'
import { formatBasic, LARGEST_TOKEN, type Login, type Scope } from '../protocol/index.ts'
import type { TokenServer } from './realm.ts'
import { refusalOf } from './refusals.ts'
import type { Token } from './token-cache.ts'

export interface TokenRequest {
  /** The registry, for people. */
  readonly host: string
  readonly server: TokenServer
  /** What the token is to allow; the first counts most, because some servers look at no other. */
  readonly scopes: readonly Scope[]
  /** None for an anonymous token. */
  readonly login: Exclude<Login, { readonly registryToken: string }> | undefined
}

export interface GrantedToken extends Token {
  /** A new refresh token in the place of the one that was sent. */
  readonly identityToken: string | undefined
}

const CLIENT = 'ballast'
/** What a server means that says nothing (distribution, "Token Authentication Specification"). */
const LIFETIME_MS = 60_000
/** A token is given up so long before its end, so that it is still good when the registry looks at it. */
const MARGIN_MS = 10_000

/**
 * Asks a token server for a token: GET, with Basic authorization where there is a password (distribution, "Token
 * Authentication Specification"); POST with a refresh token ("Oauth2 Token Authentication"). Follows no redirect, so that
 * the login goes nowhere else. Its end is reckoned from when it was asked for, by this machine's clock alone.
 * Throws UNAUTHORIZED, REMOTE.
 */
export async function requestToken(
  send: Send,
  asked: TokenRequest,
  signal: AbortSignal | undefined,
): Promise<GrantedToken> {
  const since = Date.now()
  const response = await send({ ...formRequest(asked), signal })
  if (response.status !== 200) throw await explainRefusal(response, asked)
  return decodeGrant(response, { asked, since })
}

function formRequest({ server: { realm, service }, scopes, login }: TokenRequest): OutgoingRequest {
  if (login !== undefined && 'identityToken' in login) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      ...(service !== undefined && { service }),
      client_id: CLIENT,
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      refresh_token: login.identityToken,
    })
    return {
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: bytesContent(Buffer.from(form.toString())),
    }
  }
  const query = [
    ...(service === undefined ? [] : [`service=${encodeURIComponent(service)}`]),
    ...scopes.map((scope) => `scope=${encodeURIComponent(scope)}`),
  ]
  const url = new URL(realm)
  url.search = [...(realm.search === '' ? [] : [realm.search.slice(1)]), ...query].join('&')
  return { method: 'GET', url, headers: login === undefined ? {} : { authorization: formatBasic(login) } }
}

async function explainRefusal(
  response: IncomingResponse,
  { host, login }: TokenRequest,
): Promise<BallastError> {
  const { status } = response
  const posted = login !== undefined && 'identityToken' in login
  if (status >= 300 && status < 400) {
    await response.discard()
    return new BallastError('REMOTE', `the token server of registry ${host} redirects to another place`, {
      hint: 'Ballast sends a login to no other place than the registry names: this is for whoever runs it',
    })
  }
  // OAuth servers answer 400 to a refresh token that is no longer good (RFC 6749, 5.2).
  if (status === 401 || (posted && status === 400)) {
    await response.discard()
    return login === undefined ? loginNeeded(host) : loginRefused(host, posted ? 'token' : 'password')
  }
  if (posted && (status === 404 || status === 405)) {
    await response.discard()
    return new BallastError('UNAUTHORIZED', `registry ${host} takes no identity token`, {
      hint: `log in to it with a user name and a password: docker login ${host}`,
    })
  }
  return refusalOf(response, `a token for ${host}`)
}

/** There is no login, and nobody is let in without one. */
export function loginNeeded(host: string): BallastError {
  return new BallastError('UNAUTHORIZED', `registry ${host} asks for a login`, {
    hint: `log in to it first, for example: docker login ${host}`,
  })
}

export function loginRefused(host: string, what: 'password' | 'token'): BallastError {
  const login = what === 'password' ? 'the user name and password' : 'the token of the last login'
  return new BallastError('UNAUTHORIZED', `registry ${host} does not accept ${login}`, {
    hint: `log in again, for example: docker login ${host}`,
  })
}

async function decodeGrant(
  response: IncomingResponse,
  { asked, since }: { readonly asked: TokenRequest; readonly since: number },
): Promise<GrantedToken> {
  const grant = parseJson(await readDocument(response, { limit: LARGEST_TOKEN, what: 'a token' })) ?? {}
  const value = [grant.token, grant.access_token].find((token) => typeof token === 'string' && token !== '')
  if (typeof value !== 'string' || !TOKEN.test(value)) {
    throw new BallastError('REMOTE', `the token server of registry ${asked.host} answers without a token`, {
      hint: 'check the address of the registry, and with whoever runs it that of its token server',
    })
  }
  keepSecret(value)
  const lifetime = lifetimeOf(grant.expires_in)
  const renewed = grant.refresh_token
  const identityToken = typeof renewed === 'string' && renewed !== '' ? renewed : undefined
  if (identityToken !== undefined) keepSecret(identityToken)
  return { value, until: since + lifetime - Math.min(MARGIN_MS, lifetime / 4), identityToken }
}

/** What may stand in a header (RFC 9110, 5.5), without spaces. */
const TOKEN = /^[\x21-\x7e]+$/

/** In milliseconds. */
function lifetimeOf(seconds: unknown): number {
  const given = typeof seconds === 'string' ? Number.parseFloat(seconds) : seconds
  return typeof given === 'number' && Number.isFinite(given) && given > 0 ? given * 1000 : LIFETIME_MS
}
