import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serve, world } from '../../../test/doubles/bearer-registry.ts'
import { failure } from '../../../test/fixtures/failure.ts'
import { bytesContent, digestOf } from '../../core/index.ts'
import { formatBasic } from '../protocol/index.ts'
import { openRepository } from './repository.ts'

const ANN = { username: 'ann', password: 'hunter2-of-ann' }
const DATA = Buffer.alloc(300_000, 'data')
const BLOB = { digest: digestOf(DATA), size: DATA.length }

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
