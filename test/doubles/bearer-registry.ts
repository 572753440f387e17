import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { openRepository, type RepositoryOptions } from '../../src/registry/index.ts'
import { encodeErrors, type Login } from '../../src/registry/protocol/index.ts'
import { listenOnLoopback } from '../fixtures/on-loopback.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly body: string
}

export type Answer = (seen: Seen, response: ServerResponse) => void

/** Answers each request once all of it is there. Ends with the test. */
export async function serve(t: TestContext, answer: Answer): Promise<{ host: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const { authorization } = request.headers
    const head = { method: request.method ?? '', path: pathname, query: searchParams, authorization }
    const one = { ...head, body: await text(request) }
    seen.push(one)
    answer(one, response)
  }
  const server = createServer((request, response) => void handle(request, response).catch(() => undefined))
  return { host: `127.0.0.1:${await listenOnLoopback(t, server)}`, seen }
}

export interface World {
  readonly open: (
    credentials?: Login,
    options?: Partial<RepositoryOptions>,
  ) => ReturnType<typeof openRepository>
  /** What the token server was asked. */
  readonly asked: Seen[]
  /** What the registry was asked. */
  readonly seen: Seen[]
}

/** A registry that takes the tokens that `good` says, and a token server that gives out `token-1`, `token-2`, … */
export async function world(
  t: TestContext,
  {
    good = () => true,
    grant = (token, response) => void response.end(JSON.stringify({ token })),
    scope,
  }: {
    readonly good?: (token: string, seen: Seen) => boolean
    readonly grant?: (token: string, response: ServerResponse, seen: Seen) => void
    readonly scope?: string
  } = {},
): Promise<World> {
  let tokens = 0
  const auth = await serve(t, (seen, response) => grant(`token-${++tokens}`, response, seen))
  const challenge = `Bearer realm="http://${auth.host}/token?x=1",service="reg,istry"${scope ? `,scope="${scope}"` : ''}`
  const registry = await serve(t, (seen, response) => {
    const token = /^Bearer (.+)$/.exec(seen.authorization ?? '')?.[1]
    if (token === undefined || !good(token, seen)) {
      response.writeHead(401, { 'www-authenticate': challenge }).end(encodeErrors('UNAUTHORIZED', 'log in'))
    } else if (seen.method === 'POST') {
      response.writeHead(202, { location: '/v2/team/app/blobs/uploads/1' }).end()
    } else if (seen.method === 'PUT') response.writeHead(201).end()
    else if (seen.method === 'HEAD') response.writeHead(404).end()
    else response.end('{"tags":["a"]}')
  })
  const open: World['open'] = (credentials, options) =>
    openRepository({ host: registry.host, name: 'team/app', credentials, retryDelays: [], ...options })
  return { open, asked: auth.seen, seen: registry.seen }
}
