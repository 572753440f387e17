import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import {
  type BallastError,
  bytesContent,
  digestOf,
  type ErrorCode,
  isBallastError,
} from '../../core/index.ts'
import { encodeErrors, formatBasic, type Login } from '../protocol/index.ts'
import { openRepository, type RepositoryOptions } from './repository.ts'

const ANN = { username: 'ann', password: 'hunter2-of-ann' }
const DATA = Buffer.alloc(300_000, 'data')
const BLOB = { digest: digestOf(DATA), size: DATA.length }

interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly body: string
}

type Answer = (seen: Seen, response: ServerResponse) => void

async function serve(t: TestContext, answer: Answer): Promise<{ host: string; seen: Seen[] }> {
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
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

interface World {
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
async function world(
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

async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<BallastError> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  if (!isBallastError(error, code)) throw error
  return error
}

test('without a login, an anonymous token is asked for once and used for what it allows', async (t) => {
  const { open, asked, seen } = await world(t)
  const repository = open()
  assert.deepEqual(await repository.listTags(), ['a'])
  await repository.listTags()
  await repository.hasBlob(BLOB)
  assert.deepEqual(
    asked.map(({ query, authorization }) => [query.toString(), authorization]),
    [[new URLSearchParams('x=1&service=reg,istry&scope=repository:team/app:pull').toString(), undefined]],
  )
  const sent = seen.map(({ authorization }) => authorization)
  assert.deepEqual(sent, [undefined, 'Bearer token-1', 'Bearer token-1', 'Bearer token-1'])
})

test('the password goes to the token server and not to the registry', async (t) => {
  const { open, asked, seen } = await world(t)
  await open(ANN).listTags()
  assert.deepEqual(
    asked.map(({ authorization }) => authorization),
    [formatBasic(ANN)],
  )
  assert.ok(seen.every(({ authorization }) => !authorization?.startsWith('Basic')))
})

test('reading and writing have tokens of their own; a mount asks for both repositories, its own first', async (t) => {
  const { open, asked, seen } = await world(t)
  const repository = open(ANN)
  await repository.hasBlob(BLOB)
  await repository.putBlob(BLOB, bytesContent(DATA))
  await repository.mountBlob(BLOB, open(ANN, { name: 'base' }))
  assert.deepEqual(
    asked.slice(0, 3).map(({ query }) => query.getAll('scope')),
    [
      ['repository:team/app:pull'],
      ['repository:team/app:pull,push'],
      ['repository:team/app:pull,push', 'repository:base:pull'],
    ],
  )
  // Only the first of all met a challenge.
  assert.equal(seen.filter(({ authorization }) => authorization === undefined).length, 1)
})

test('what the registry asks for beyond what was expected is asked for as well', async (t) => {
  const { open, asked } = await world(t, { scope: 'repository:team/app:pull,special registry:catalog:*' })
  const repository = open(ANN)
  await repository.listTags()
  await repository.listTags()
  assert.deepEqual(
    asked.map(({ query }) => query.getAll('scope')),
    [['repository:team/app:pull,special', 'registry:catalog:*']],
  )
})

test('an identity token is sent in a form, and replaced by a newer one', async (t) => {
  const { open, asked } = await world(t, {
    grant: (access_token, response) =>
      void response.end(JSON.stringify({ access_token, refresh_token: 'refresh-2' })),
  })
  const repository = open({ identityToken: 'refresh-1' })
  await repository.listTags()
  await repository.putBlob(BLOB, bytesContent(DATA))
  const forms = asked.map(({ method, body, authorization }) => ({
    method,
    authorization,
    ...Object.fromEntries(new URLSearchParams(body)),
  }))
  const common = {
    method: 'POST',
    authorization: undefined,
    grant_type: 'refresh_token',
    service: 'reg,istry',
    client_id: 'ballast',
  }
  assert.deepEqual(forms, [
    { ...common, scope: 'repository:team/app:pull', refresh_token: 'refresh-1' },
    { ...common, scope: 'repository:team/app:pull,push', refresh_token: 'refresh-2' },
  ])
})

test('a registry token is sent to the registry as it is', async (t) => {
  const { open, asked } = await world(t, { good: (token) => token === 'mine' })
  assert.deepEqual(await open({ registryToken: 'mine' }).listTags(), ['a'])
  const error = await failure(open({ registryToken: 'not-mine' }).listTags(), 'UNAUTHORIZED')
  assert.match(error.message, /does not accept the token/)
  assert.equal(asked.length, 0)
})

test('many requests at once ask for one token', async (t) => {
  const { open, asked } = await world(t)
  const repository = open(ANN)
  await Promise.all(Array.from({ length: 20 }, () => repository.listTags()))
  assert.equal(asked.length, 1)
})

test('a token that ends in the middle of an upload is replaced, and the upload goes on', async (t) => {
  const { open, asked, seen } = await world(t, {
    good: (token, { method }) => method === 'POST' || token === 'token-2',
  })
  await open(ANN).putBlob(BLOB, bytesContent(DATA))
  assert.deepEqual(
    seen.map(({ method, authorization, body }) => [method, authorization, body.length]),
    [
      ['POST', undefined, 0],
      ['POST', 'Bearer token-1', 0],
      ['PUT', 'Bearer token-1', DATA.length],
      ['PUT', 'Bearer token-2', DATA.length],
    ],
  )
  assert.equal(asked.length, 2)
})

test('a token that is refused without a challenge is replaced too', async (t) => {
  const tokens = await serve(t, (_, response) => void response.end(`{"token":"t-${tokens.seen.length}"}`))
  const registry = await serve(t, ({ authorization }, response) => {
    if (authorization === 'Bearer t-2') return void response.end('{"tags":["a"]}')
    const challenge = { 'www-authenticate': `Bearer realm="http://${tokens.host}/token"` }
    response.writeHead(401, authorization === undefined ? challenge : {}).end()
  })
  const repository = openRepository({ host: registry.host, name: 'app', credentials: ANN, retryDelays: [] })
  await failure(repository.listTags(), 'UNAUTHORIZED')
  assert.deepEqual(await repository.listTags(), ['a'])
})

test('many whose token is refused at once ask for one new one', async (t) => {
  const refused = new Set<string>()
  const { open, asked } = await world(t, { good: (token) => !refused.has(token) })
  const repository = open(ANN)
  await repository.listTags()
  refused.add('token-1')
  await Promise.all(Array.from({ length: 10 }, () => repository.listTags()))
  assert.equal(asked.length, 2)
})

test('a token that is refused again and again: one more try, then what the registry says', async (t) => {
  const { open, asked, seen } = await world(t, { good: () => false })
  const error = await failure(open(ANN).listTags(), 'UNAUTHORIZED')
  assert.match(error.message, /denies the tags of team\/app: log in \(UNAUTHORIZED\)/)
  assert.deepEqual([asked.length, seen.length], [1, 2])
  const anonymous = await failure(open().listTags(), 'UNAUTHORIZED')
  assert.match(anonymous.message, /asks for a login/)
  assert.match(anonymous.hint ?? '', /docker login/)
})

test('a token at the end of its time is replaced before it is sent; without a time it counts as a minute', async (t) => {
  for (const [lifetime, tokens] of [
    [{ expires_in: 0.04 }, 2],
    [{ expires_in: 3600 }, 1],
    [{}, 1],
    [{ expires_in: 'junk' }, 1],
    [{ expires_in: -5 }, 1],
  ] as const) {
    const { open, asked, seen } = await world(t, {
      grant: (token, response) => void response.end(JSON.stringify({ token, ...lifetime })),
    })
    const repository = open(ANN)
    await repository.listTags()
    await new Promise((resolve) => setTimeout(resolve, 60))
    await repository.listTags()
    assert.equal(asked.length, tokens, JSON.stringify(lifetime))
    assert.equal(seen.length, 3)
  }
})

test('a wrong password, a refresh token that is no longer good, nobody let in without login', async (t) => {
  const refuse = (status: number) =>
    world(t, { grant: (_, response) => void response.writeHead(status).end('{"details":"no"}') })
  const { open } = await refuse(401)
  const wrong = await failure(open(ANN).listTags(), 'UNAUTHORIZED')
  assert.match(wrong.message, /does not accept the user name and password/)
  assert.match(wrong.hint ?? '', /docker login 127/)
  assert.match((await failure(open().listTags(), 'UNAUTHORIZED')).message, /asks for a login/)
  const old = await failure((await refuse(400)).open({ identityToken: 'x-old' }).listTags(), 'UNAUTHORIZED')
  assert.match(old.message, /does not accept the token/)
  const none = await failure((await refuse(404)).open({ identityToken: 'x-old' }).listTags(), 'UNAUTHORIZED')
  assert.match(none.message, /takes no identity token/)
})

test('a token server that fails is tried again', async (t) => {
  const { open } = await world(t, {
    grant: (token, response) =>
      void (token === 'token-1' ? response.writeHead(503).end() : response.end(JSON.stringify({ token }))),
  })
  assert.deepEqual(await open(ANN, { retryDelays: [1] }).listTags(), ['a'])
})

for (const [what, answer] of [
  ['no token', '{}'],
  ['no JSON', '<html>'],
  ['a token that would end the header', JSON.stringify({ token: 'a\r\nx-evil: 1' })],
  ['a token of other letters', JSON.stringify({ token: 'tökén' })],
  ['a token that is no text', '{"token":{"a":1}}'],
] as const) {
  test(`a token server that answers with ${what} is a failure, and nothing of it is sent`, async (t) => {
    const { open, seen } = await world(t, { grant: (_, response) => void response.end(answer) })
    const error = await failure(open(ANN).listTags(), 'REMOTE')
    assert.match(error.message, /answers without a token/)
    assert.equal(seen.length, 1)
  })
}

test('a token server that answers without end, encoded, or never is given up', async (t) => {
  const many = await world(t, { grant: (_, response) => void response.end(`"${'x'.repeat(1_000_000)}"`) })
  await failure(many.open(ANN).listTags(), 'REFUSED')
  const encoded = await world(t, {
    grant: (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
  })
  await failure(encoded.open(ANN).listTags(), 'DAMAGED')
  const silent = await world(t, { grant: () => undefined })
  const patience = { stallMs: 60 }
  assert.match(
    (await failure(silent.open(ANN, { patience }).listTags(), 'REMOTE')).message,
    /stopped answering/,
  )
  const signal = AbortSignal.timeout(50)
  await failure(silent.open(ANN).listTags({ signal }), 'INTERRUPTED')
})

test('a token server that redirects does not get the login sent elsewhere', async (t) => {
  const elsewhere = await serve(t, (_, response) => void response.end('{"token":"t"}'))
  for (const login of [ANN, { identityToken: 'refresh-1' }]) {
    const { open } = await world(t, {
      grant: (_, response) => void response.writeHead(307, { location: `http://${elsewhere.host}/` }).end(),
    })
    const error = await failure(open(login).listTags(), 'REMOTE')
    assert.match(error.message, /redirects to another place/)
  }
  assert.equal(elsewhere.seen.length, 0)
})

test('passwords and tokens that servers repeat stand in no error', async (t) => {
  const repeat =
    (status: number): Answer =>
    ({ authorization, body }, response) => {
      const encoded = authorization?.split(' ')[1] ?? ''
      const clear = Buffer.from(encoded, 'base64').toString()
      const said = `got ${authorization} = ${clear} with ${body} ${decodeURIComponent(body)}`
      response.writeHead(status).end(encodeErrors('DENIED', said))
    }
  const identity = { identityToken: 'refresh-s3cret/1' }
  for (const status of [403, 500]) {
    for (const login of [ANN, identity]) {
      const { open } = await world(t, { grant: (_, response, seen) => repeat(status)(seen, response) })
      const error = await open(login)
        .listTags()
        .catch((error: BallastError) => error)
      const shown = `${(error as BallastError).message} ${(error as BallastError).hint}`
      assert.match(shown, /got /)
      assert.doesNotMatch(shown, /hunter2|s3cret/)
      assert.ok(!shown.includes(formatBasic(ANN).slice('Basic '.length)))
    }
  }
  const { host } = await serve(t, ({ authorization }, response) => {
    if (authorization === undefined) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    }
    repeat(403)({ authorization, body: '' } as Seen, response)
  })
  const repository = openRepository({ host, name: 'app', credentials: ANN })
  const error = await failure(repository.listTags(), 'UNAUTHORIZED')
  assert.doesNotMatch(error.message, /hunter2/)
  const tokens = await serve(t, (_, response) => void response.end('{"token":"granted-s3cret"}'))
  const echo = await serve(t, (seen, response) => {
    if (seen.authorization !== undefined) return repeat(500)(seen, response)
    const challenge = `Bearer realm="http://${tokens.host}/token"`
    response.writeHead(401, { 'www-authenticate': challenge }).end()
  })
  const anonymous = openRepository({ host: echo.host, name: 'app', retryDelays: [] })
  const echoed = await failure(anonymous.listTags(), 'REMOTE')
  assert.match(echoed.message, /got Bearer \*\*\*/)
})
