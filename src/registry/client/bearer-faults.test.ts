import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type Seen, serve, world } from '../../../test/doubles/bearer-registry.ts'
import { failure } from '../../../test/fixtures/failure.ts'
import type { BallastError } from '../../core/index.ts'
import { encodeErrors, formatBasic } from '../protocol/index.ts'
import { openRepository } from './repository.ts'

const ANN = { username: 'ann', password: 'hunter2-of-ann' }

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
