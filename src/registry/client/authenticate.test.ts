import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { reply, startScriptedServer } from '../../../test/doubles/scripted-server.ts'
import { bytesContent, digestOf, isBallastError, readAll } from '../../core/index.ts'
import { formatBasic } from '../protocol/index.ts'
import { startRegistry } from '../server/start.ts'
import { oneUser } from '../server/users.ts'
import { openRepository } from './repository.ts'

const ANN = { username: 'ann', password: 'hunter2' }
const BASIC = { 'www-authenticate': 'Basic realm="here"' }
const DATA = Buffer.from('data')
const BLOB = { digest: digestOf(DATA), size: DATA.length }

test('a login opens the embedded registry; none, or a wrong one, does not', async (context) => {
  const registry = await startRegistry({ storage: createMemoryStorage(), users: oneUser(ANN) })
  context.after(registry.close)
  const open = (credentials?: typeof ANN) =>
    openRepository({ host: registry.host, name: 'app', credentials, retryDelays: [1, 1] })

  await open(ANN).putBlob(BLOB, bytesContent(DATA))
  assert.equal(await open(ANN).hasBlob(BLOB), true)
  for (const credentials of [undefined, { ...ANN, password: 'hunter3' }, { ...ANN, username: 'bob' }]) {
    await assert.rejects(open(credentials).hasBlob(BLOB), (error) => {
      assert.ok(isBallastError(error, 'UNAUTHORIZED'))
      assert.ok(error.hint)
      assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter/)
      return true
    })
  }
})

test('credentials are sent only once they are asked for, and then at once', async (context) => {
  const server = await startScriptedServer(context, reply(401, BASIC), reply(404), reply(404))
  const repository = openRepository({ host: server.host, name: 'app', credentials: ANN })
  await repository.listTags()
  await repository.listTags()
  assert.deepEqual(server.authorizations, [undefined, formatBasic(ANN), formatBasic(ANN)])
})

test('a redirect to another host is followed without the login, one to the same host with it', async (context) => {
  const elsewhere = await startScriptedServer(context, reply(200, {}, DATA))
  const server = await startScriptedServer(
    context,
    reply(401, BASIC),
    reply(307, { location: '/moved' }),
    reply(307, { location: `http://${elsewhere.host}/signed?x=1` }),
  )
  const repository = openRepository({ host: server.host, name: 'app', credentials: ANN })
  assert.deepEqual(await readAll(repository.openBlob(BLOB).open(), 100), DATA)
  assert.deepEqual(server.authorizations, [undefined, formatBasic(ANN), formatBasic(ANN)])
  assert.deepEqual(elsewhere.authorizations, [undefined])
  assert.deepEqual(elsewhere.requests, ['GET /signed?x=1'])
})

test('an upload to another host goes without the login', async (context) => {
  const elsewhere = await startScriptedServer(context, reply(201))
  const location = { location: `http://${elsewhere.host}/put?sig=a%2Fb` }
  const server = await startScriptedServer(context, reply(401, BASIC), reply(202, location))
  const repository = openRepository({ host: server.host, name: 'app', credentials: ANN })
  await repository.putBlob(BLOB, bytesContent(DATA))
  assert.deepEqual(elsewhere.authorizations, [undefined])
  assert.match(elsewhere.requests[0] ?? '', /^PUT \/put\?sig=a%2Fb&digest=sha256/)
})

test('how the login is found is asked once, and not before the registry asks for it', async (context) => {
  let asked = 0
  const credentials = async () => {
    asked++
    return ANN
  }
  const server = await startScriptedServer(context, reply(404), reply(401, BASIC), reply(404), reply(404))
  const repository = openRepository({ host: server.host, name: 'app', credentials })
  await repository.listTags()
  assert.equal(asked, 0)
  await repository.listTags()
  await repository.listTags()
  assert.equal(asked, 1)
  assert.deepEqual(server.authorizations, [undefined, undefined, formatBasic(ANN), formatBasic(ANN)])
})

test('an abort does not wait for a login that is still looked for', async (context) => {
  const server = await startScriptedServer(context, reply(401, BASIC))
  const credentials = () => new Promise<undefined>(() => undefined)
  const repository = openRepository({ host: server.host, name: 'app', credentials })
  const signal = AbortSignal.timeout(50)
  await assert.rejects(repository.listTags({ signal }), (error) => isBallastError(error, 'INTERRUPTED'))
})

test('a challenge of no known kind is a refusal', async (context) => {
  for (const header of ['Negotiate', 'constructor x=y', '__proto__ x=y', 'Bearer', '']) {
    const server = await startScriptedServer(context, reply(401, { 'www-authenticate': header }))
    const repository = openRepository({ host: server.host, name: 'app', credentials: ANN })
    await assert.rejects(repository.listTags(), (error) => isBallastError(error, 'UNAUTHORIZED'))
    assert.deepEqual(server.authorizations, [undefined])
  }
})
