import { randomUUID, sign, type X509Certificate } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { parseBasic } from '../../src/registry/protocol/index.ts'
import { makeCertificate } from '../fixtures/certificate.ts'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

export interface TokenServerOptions {
  /** Passwords by user name; users may do everything. */
  readonly users: Readonly<Record<string, string>>
  /** Refresh tokens, with the users that they stand for. */
  readonly identityTokens?: Readonly<Record<string, string>>
  /** What those who do not log in may do. */
  readonly anonymous?: readonly string[]
  /** Where to listen, by https; by default on loopback and without. */
  readonly secureAddress?: string
}

export interface IssuedToken {
  readonly method: string
  readonly user: string | undefined
  readonly scopes: readonly string[]
  readonly status: number
}

export interface TokenServer {
  readonly realm: string
  /** Files with the key and the certificate that tokens are signed with, and https is spoken. */
  readonly files: { readonly key: string; readonly certificate: string }
  /** The `auth` of a docker-registry's configuration. */
  readonly auth: Readonly<Record<string, unknown>>
  readonly issued: readonly IssuedToken[]
  /** Of the tokens to come: how long the registry takes them, and how long clients are told, in seconds. */
  lifetime: { real: number; announced: number }
}

const SERVICE = 'ballast-test'
const ISSUER = 'ballast-test-issuer'
/** docker-registry goes on taking a token for so long after its end (2.8, registry/auth/token), in seconds. */
const LEEWAY = 60

interface Access {
  readonly type: string
  readonly name: string
  readonly actions: readonly string[]
}

/**
 * A token server as docker-registry wants it (distribution, "Token Authentication Specification"): GET with Basic
 * authorization or none, POST with a refresh token; RS256, the certificate in the token's `x5c`. Ends with the test.
 */
export async function startTokenServer(t: TestContext, options: TokenServerOptions): Promise<TokenServer> {
  const { secureAddress: address = '127.0.0.1' } = options
  const { key, certificate, files } = await makeCertificate(await temporaryDirectory(t), address)
  const issued: IssuedToken[] = []
  const state = { lifetime: { real: 300, announced: 300 } }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { user, allowed, scopes } = await readRequest(request, options)
    const status = allowed ? 200 : 401
    issued.push({ method: request.method ?? '', user, scopes, status })
    response.writeHead(status, { 'content-type': 'application/json' })
    if (!allowed) return void response.end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}')
    const actions = user === undefined ? (options.anonymous ?? []) : undefined
    const access = scopes.map(parseScope).map((asked) => ({
      ...asked,
      actions: asked.actions.filter((action) => actions?.includes(action) ?? true),
    }))
    const token = encodeToken({ user, access, key, certificate, lifetime: state.lifetime.real })
    response.end(JSON.stringify({ token, expires_in: state.lifetime.announced }))
  }
  const handler = (request: IncomingMessage, response: ServerResponse) => void answer(request, response)
  const secure = options.secureAddress !== undefined
  const server = secure
    ? createSecureServer({ key, cert: certificate.toString() }, handler)
    : createServer(handler)
  const port = await listenOnLoopback(t, server, address)
  const realm = `${secure ? 'https' : 'http'}://${address}:${port}/token`
  return Object.assign(state, {
    realm,
    files,
    auth: { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle: files.certificate } },
    issued,
  })
}

async function readRequest(
  request: IncomingMessage,
  { users, identityTokens = {}, anonymous }: TokenServerOptions,
): Promise<{
  readonly user: string | undefined
  readonly allowed: boolean
  readonly scopes: readonly string[]
}> {
  if (request.method === 'POST') {
    const form = new URLSearchParams(await text(request))
    const user = identityTokens[form.get('refresh_token') ?? '']
    const valid = form.get('grant_type') === 'refresh_token' && form.get('service') === SERVICE
    const scopes = (form.get('scope') ?? '').split(' ').filter(Boolean)
    return { user, allowed: valid && user !== undefined, scopes }
  }
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const scopes = searchParams.getAll('scope')
  const login = parseBasic(request.headers.authorization)
  if (login === undefined) return { user: undefined, allowed: anonymous !== undefined, scopes }
  return { user: login.username, allowed: users[login.username] === login.password, scopes }
}

function parseScope(scope: string): Access {
  const [, type = '', name = '', actions = ''] = /^(\w+):(.+):([^:]*)$/.exec(scope) ?? []
  return { type, name, actions: actions.split(',') }
}

function encodeToken({
  user,
  access,
  key,
  certificate,
  lifetime,
}: {
  readonly user: string | undefined
  readonly access: readonly Access[]
  readonly key: string
  readonly certificate: X509Certificate
  readonly lifetime: number
}): string {
  const now = Date.now() / 1000
  const header = { typ: 'JWT', alg: 'RS256', x5c: [certificate.raw.toString('base64')] }
  const claims = {
    iss: ISSUER,
    sub: user ?? '',
    aud: SERVICE,
    exp: Math.floor(now + lifetime - LEEWAY),
    nbf: Math.floor(now - 2 * LEEWAY),
    iat: Math.floor(now),
    jti: randomUUID(),
    access,
  }
  const signed = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
}
