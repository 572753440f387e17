import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  hang,
  reply,
  replyEarly,
  reset,
  type ScriptedServer,
  type Step,
  startScriptedServer,
} from '../../../test/doubles/scripted-server.ts'
import { eventually } from '../../../test/fixtures/wait.ts'
import { bytesContent, type Content, digestOf } from '../../core/index.ts'
import { openRepository, type RegistryRepository } from './repository.ts'

const DATA = Buffer.alloc(8_000_000, 'ballast')
const BLOB = { digest: digestOf(DATA), size: DATA.length }
const PLACE = '/v2/app/blobs/uploads/1'
const OPENED = reply(202, { location: `${PLACE}?_state=a` })
const TAKEN = reply(202, { location: `${PLACE}?_state=b`, range: `0-${DATA.length - 1}` })
const STORED = reply(201)
const CANCELLED = reply(204)
const BEGINNING = ['POST /v2/app/blobs/uploads/', `PATCH ${PLACE}?_state=a`]
const END = `PUT ${PLACE}?_state=b&digest=${encodeURIComponent(BLOB.digest)}`

interface World {
  readonly server: ScriptedServer
  readonly repository: RegistryRepository
}

async function worldOf(context: TestContext, ...steps: readonly Step[]): Promise<World> {
  const server = await startScriptedServer(context, ...steps)
  const patience = { stallMs: 2_000, commitMs: 2_000 }
  return {
    server,
    repository: openRepository({ host: server.host, name: 'app', retryDelays: [1], patience }),
  }
}

test('all bytes go with one PATCH, and the blob is named once its digest is known', async (context) => {
  const bodies: Buffer[] = []
  const take: Step = async (request, response) => {
    const { headers } = request
    assert.deepEqual([headers['content-length'], headers['content-range']], [undefined, undefined])
    for await (const chunk of request) bodies.push(chunk as Buffer)
    await TAKEN(request, response)
  }
  const { server, repository } = await worldOf(context, OPENED, take, STORED)
  const upload = repository.beginBlob(bytesContent(DATA))
  assert.equal(await upload.sent, true)
  assert.equal(await upload.finish(BLOB), true)
  await upload.cancel()
  assert.ok(Buffer.concat(bodies).equals(DATA))
  assert.deepEqual(server.requests, [...BEGINNING, END])
})

for (const status of [400, 401, 404, 405, 411, 413, 416, 500, 503]) {
  test(`a PATCH that is refused with ${status} is not sent again: the session is given up`, async (context) => {
    for (const refuse of [reply(status), replyEarly(status, {}, 'no')]) {
      const { server, repository } = await worldOf(context, OPENED, refuse, CANCELLED)
      const upload = repository.beginBlob(bytesContent(DATA))
      assert.equal(await upload.sent, false)
      assert.equal(await upload.finish(BLOB), false)
      assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=a`])
    }
  })
}

const broken: readonly (readonly [string, readonly Step[], readonly string[]])[] = [
  ['at the beginning', [reset], BEGINNING.slice(0, 1)],
  ['under the bytes', [OPENED, reset, CANCELLED], [...BEGINNING, `DELETE ${PLACE}?_state=a`]],
  ['at the end', [OPENED, TAKEN, reset, CANCELLED], [...BEGINNING, END, `DELETE ${PLACE}?_state=b`]],
  ['before the bytes were answered', [OPENED, hangUp, CANCELLED], [...BEGINNING, `DELETE ${PLACE}?_state=a`]],
]

async function hangUp(...[request]: Parameters<Step>): Promise<void> {
  for await (const _ of request);
  request.socket.resetAndDestroy()
}

for (const [where, steps, requests] of broken) {
  test(`a connection that breaks ${where} leaves no session`, async (context) => {
    const { server, repository } = await worldOf(context, ...steps)
    assert.equal(await repository.beginBlob(bytesContent(DATA)).finish(BLOB), false)
    assert.deepEqual(server.requests, requests)
  })
}

const useless: readonly (readonly [string, Step])[] = [
  ['does not say where it goes on', reply(202)],
  ['leads away from http', reply(202, { location: 'ftp://elsewhere/upload' })],
]
for (const [what, taken] of useless) {
  test(`a registry that ${what} gets no blob by it`, async (context) => {
    const { server, repository } = await worldOf(context, OPENED, taken, CANCELLED)
    assert.equal(await repository.beginBlob(bytesContent(DATA)).finish(BLOB), false)
    assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=a`])
  })
}

test('a registry that took a part gets no blob by it', async (context) => {
  const part = reply(202, { location: `${PLACE}?_state=part`, range: '0-4194303' })
  const { server, repository } = await worldOf(context, OPENED, part, CANCELLED)
  assert.equal(await repository.beginBlob(bytesContent(DATA)).finish(BLOB), false)
  assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=part`])
})

test('bytes that the registry finds to be another thing, or too many, are no blob', async (context) => {
  const refused = await worldOf(context, OPENED, TAKEN, reply(400), CANCELLED)
  assert.equal(await refused.repository.beginBlob(bytesContent(DATA)).finish(BLOB), false)
  assert.deepEqual(refused.server.requests, [...BEGINNING, END, `DELETE ${PLACE}?_state=b`])
  const { server, repository } = await worldOf(context, OPENED, TAKEN, CANCELLED)
  assert.equal(await repository.beginBlob(bytesContent(DATA)).finish({ ...BLOB, size: 7 }), false)
  assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=b`])
})

test('a registry that stored something else is not believed', async (context) => {
  const stored = reply(201, { 'docker-content-digest': digestOf('other') })
  const { repository } = await worldOf(context, OPENED, TAKEN, stored, CANCELLED)
  assert.equal(await repository.beginBlob(bytesContent(DATA)).finish(BLOB), false)
})

test('a login that is asked for under the bytes: all of them are sent again', async (context) => {
  const asks = reply(401, { 'www-authenticate': 'Basic realm="here"' })
  const server = await startScriptedServer(context, OPENED, asks, TAKEN, STORED)
  const credentials = { username: 'u', password: 'p' }
  const repository = openRepository({ host: server.host, name: 'app', credentials })
  assert.equal(await repository.beginBlob(bytesContent(DATA)).finish(BLOB), true)
  assert.deepEqual(server.requests, [...BEGINNING, BEGINNING[1], END])
})

const phases: readonly (readonly [string, readonly Step[], number])[] = [
  ['the place is asked for', [hang], 1],
  ['bytes are sent', [OPENED, (request) => void request.pause(), CANCELLED], 2],
  ['the answer to the bytes is waited for', [OPENED, hang, CANCELLED], 2],
  ['the blob is named', [OPENED, TAKEN, hang, CANCELLED], 3],
]
for (const [phase, steps, count] of phases) {
  for (const whose of ['of the beginning', 'of the end'] as const) {
    test(`an abort ${whose} while ${phase}: INTERRUPTED, and no session is left`, async (context) => {
      const { server, repository } = await worldOf(context, ...steps)
      const controller = new AbortController()
      const options = { signal: controller.signal }
      const upload = repository.beginBlob(bytesContent(DATA), whose === 'of the beginning' ? options : {})
      const finished = upload.finish(BLOB, whose === 'of the end' ? options : {})
      finished.catch(() => undefined)
      await eventually(async () => assert.equal(server.requests.length, count))
      controller.abort()
      await assert.rejects(finished, { code: 'INTERRUPTED' })
      assert.equal(
        server.requests.filter((request) => request.startsWith('DELETE')).length,
        count > 1 ? 1 : 0,
      )
    })
  }
}

test('a cancellation while bytes are sent stops them, and needs no digest', async (context) => {
  const { server, repository } = await worldOf(context, OPENED, (request) => void request.pause(), CANCELLED)
  const upload = repository.beginBlob(bytesContent(DATA))
  await eventually(async () => assert.equal(server.requests.length, 2))
  await Promise.all([upload.cancel(), upload.cancel()])
  assert.equal(await upload.sent, false)
  assert.equal(await upload.finish(BLOB), false)
  assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=a`])
})

test('a cancellation after all bytes have arrived gives up the session where it is now', async (context) => {
  const { server, repository } = await worldOf(context, OPENED, TAKEN, CANCELLED)
  const upload = repository.beginBlob(bytesContent(DATA))
  assert.equal(await upload.sent, true)
  await upload.cancel()
  assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=b`])
})

test('a cancellation ends the body whole, so that the registry says where its session is', async (context) => {
  let taken = 0
  const count: Step = async (request, response) => {
    for await (const chunk of request) taken += (chunk as Buffer).length
    reply(202, { location: `${PLACE}?_state=${taken}` })(request, response)
  }
  const { server, repository } = await worldOf(context, OPENED, count, CANCELLED)
  const begun = Promise.withResolvers<void>()
  const endless: Content = {
    size: 1e12,
    async *open() {
      for (;;) {
        yield Buffer.alloc(100_000)
        begun.resolve()
      }
    },
  }
  const upload = repository.beginBlob(endless)
  await begun.promise
  await upload.cancel()
  assert.equal(await upload.sent, false)
  assert.ok(taken > 0)
  assert.deepEqual(server.requests, [...BEGINNING, `DELETE ${PLACE}?_state=${taken}`])
})

test('content that is shorter or longer than it says is not sent as if it were whole', async (context) => {
  for (const size of [DATA.length - 1, DATA.length + 1]) {
    const { server, repository } = await worldOf(context, OPENED, hang, CANCELLED)
    const upload = repository.beginBlob({ size, open: bytesContent(DATA).open })
    assert.equal(await upload.finish({ ...BLOB, size }), false)
    assert.ok(server.requests.every((request) => !request.startsWith('PUT')))
  }
})

test('content that cannot be read to its end is not sent as if it were', async (context) => {
  const failing: Content = {
    size: DATA.length,
    async *open() {
      yield DATA.subarray(0, 3_000_000)
      throw new Error('the disk went away')
    },
  }
  const { server, repository } = await worldOf(context, OPENED, hang, CANCELLED)
  assert.equal(await repository.beginBlob(failing).finish(BLOB), false)
  assert.ok(server.requests.every((request) => !request.startsWith('PUT')))
})
