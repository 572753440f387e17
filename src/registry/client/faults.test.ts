import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { hang, reply, replyEarly, reset, startScriptedServer } from '../../../test/doubles/scripted-server.ts'
import { failure } from '../../../test/fixtures/failure.ts'
import { bytesContent, digestOf, readAll } from '../../core/index.ts'
import { OCI_MANIFEST } from '../../model/index.ts'
import { encodeErrors } from '../protocol/index.ts'
import { openRepository, type RegistryRepository } from './repository.ts'

const DATA = Buffer.alloc(8_000_000, 'ballast')
const BLOB = { digest: digestOf(DATA), size: DATA.length }
const OPENED = reply(202, { location: '/v2/app/blobs/uploads/1?_state=a%2Bb~c' })
const MANIFEST = Buffer.from('{"schemaVersion":2}')

function repositoryOn(host: string, stallMs = 5_000): RegistryRepository {
  return openRepository({ host, name: 'app', retryDelays: [1, 1], patience: { stallMs, commitMs: stallMs } })
}

test('500, then an answer: tried again', async (context) => {
  const server = await startScriptedServer(context, reply(500), reply(200, { 'content-length': '8000000' }))
  assert.equal(await repositoryOn(server.host).hasBlob(BLOB), true)
  assert.equal(server.requests.length, 2)
})

test('three tries, then REMOTE with what the registry says', async (context) => {
  const broken = reply(503, {}, encodeErrors('UNKNOWN', 'the store is on fire'))
  const server = await startScriptedServer(context, broken, broken, broken, broken)
  const error = await failure(repositoryOn(server.host).getManifest('latest'), 'REMOTE')
  assert.match(error.message, /the store is on fire/)
  assert.equal(server.requests.length, 3)
})

test('429 with Retry-After is waited for', async (context) => {
  const server = await startScriptedServer(
    context,
    reply(429, { 'retry-after': '1' }),
    reply(200, { 'content-type': OCI_MANIFEST }, MANIFEST),
  )
  const since = Date.now()
  const manifest = await repositoryOn(server.host).getManifest('latest')
  assert.equal(manifest?.digest, digestOf(MANIFEST))
  assert.ok(Date.now() - since >= 990)
})

test('404 and 400 are not tried again', async (context) => {
  const server = await startScriptedServer(context, reply(404), reply(400))
  assert.equal(await repositoryOn(server.host).getManifest('latest'), undefined)
  await failure(repositoryOn(server.host).getManifest('latest'), 'REMOTE')
  assert.equal(server.requests.length, 2)
})

const SESSION = '/v2/app/blobs/uploads/1?_state=a%2Bb~c'
const PUT = `PUT ${SESSION}&digest=${encodeURIComponent(BLOB.digest)}`
const HEAD = `HEAD /v2/app/blobs/${BLOB.digest}`

test('an upload that breaks off goes on where the registry says that it stopped', async (context) => {
  const stopped = reply(204, { location: `${SESSION}2`, range: '0-4999999' })
  const received: Buffer[] = []
  const ranges: (string | undefined)[] = []
  const server = await startScriptedServer(context, OPENED, reset, stopped, async (request, response) => {
    ranges.push(request.headers['content-range'], request.headers['content-length'])
    for await (const chunk of request) received.push(chunk as Buffer)
    response.writeHead(201).end()
  })
  await repositoryOn(server.host).putBlob(BLOB, bytesContent(DATA))
  const again = PUT.replace('~c', '~c2')
  assert.deepEqual(server.requests, ['POST /v2/app/blobs/uploads/', PUT, `GET ${SESSION}`, again])
  assert.deepEqual(ranges, ['5000000-7999999', '3000000'])
  assert.ok(Buffer.concat(received).equals(DATA.subarray(5_000_000)))
})

test('an upload that the registry has lost begins again, unless only the answer was lost', async (context) => {
  const lost = await startScriptedServer(context, OPENED, reset, reply(404), reply(404), OPENED, reply(201))
  await repositoryOn(lost.host).putBlob(BLOB, bytesContent(DATA))
  const begun = ['POST /v2/app/blobs/uploads/', PUT]
  assert.deepEqual(lost.requests, [...begun, `GET ${SESSION}`, HEAD, ...begun])
  const there = reply(200, { 'content-length': `${BLOB.size}` })
  const whole = await startScriptedServer(context, OPENED, reset, reply(404), there)
  await repositoryOn(whole.host).putBlob(BLOB, bytesContent(DATA))
  assert.deepEqual(whole.requests, [...begun, `GET ${SESSION}`, HEAD])
})

test('an upload of which the registry says nothing is cancelled and begun again', async (context) => {
  const steps = [OPENED, reset, reply(204), reply(204), reply(404), OPENED, reply(201)]
  const server = await startScriptedServer(context, ...steps)
  await repositoryOn(server.host).putBlob(BLOB, bytesContent(DATA))
  assert.deepEqual(server.requests.slice(2), [
    `GET ${SESSION}`,
    `DELETE ${SESSION}`,
    HEAD,
    'POST /v2/app/blobs/uploads/',
    PUT,
  ])
})

test('what was added to an upload and is not the blob is begun again, once', async (context) => {
  const stopped = reply(204, { range: '0-4999999' })
  const wrong = reply(400, {}, encodeErrors('DIGEST_INVALID', 'other bytes'))
  const steps = [OPENED, reset, stopped, wrong, reply(204), OPENED, wrong, reply(204)]
  const server = await startScriptedServer(context, ...steps)
  const error = await failure(repositoryOn(server.host).putBlob(BLOB, bytesContent(DATA)), 'REMOTE')
  assert.match(error.message, /other bytes/)
  assert.equal(server.requests.filter((request) => request.startsWith('POST')).length, 2)
})

for (const [status, code] of [
  [401, 'UNAUTHORIZED'],
  [413, 'REMOTE'],
  [400, 'REMOTE'],
] as const) {
  test(`an early ${status} is told though the connection breaks under the upload`, async (context) => {
    const early = replyEarly(status, {}, encodeErrors('DENIED', 'not this one'))
    const server = await startScriptedServer(context, OPENED, early, reply(204))
    const error = await failure(repositoryOn(server.host).putBlob(BLOB, bytesContent(DATA)), code)
    assert.match(error.message, /not this one/)
    assert.equal(server.requests.length, 3)
  })
}

test('a registry that vanishes during an upload: REMOTE with a hint', async (context) => {
  const server = await startScriptedServer(context, OPENED, (request) => {
    request.once('data', () => request.socket.resetAndDestroy())
  })
  const error = await failure(repositoryOn(server.host).putBlob(BLOB, bytesContent(DATA)), 'REMOTE')
  assert.ok(error.hint)
})

test('a registry that takes no more bytes is given up', async (context) => {
  const stuck = [OPENED, (request: { pause(): unknown }) => void request.pause(), reply(404), reply(404)]
  const server = await startScriptedServer(context, ...stuck, ...stuck, ...stuck)
  const error = await failure(repositoryOn(server.host, 150).putBlob(BLOB, bytesContent(DATA)), 'REMOTE')
  assert.match(error.message, /stopped answering/)
})

test('a registry that never answers is given up', async (context) => {
  const server = await startScriptedServer(context, hang, hang, hang)
  const error = await failure(repositoryOn(server.host, 300).listTags(), 'REMOTE')
  assert.match(error.message, /stopped answering/)
  assert.equal(server.requests.length, 3)
})

test('an abort ends a request that hangs', async (context) => {
  const server = await startScriptedServer(context, hang)
  const signal = AbortSignal.timeout(50)
  await failure(repositoryOn(server.host).listTags({ signal }), 'INTERRUPTED')
})

test('nobody listens', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  assert.ok(address !== null && typeof address === 'object')
  const host = `localhost:${address.port}`
  const error = await failure(repositoryOn(host).listTags(), 'REMOTE')
  assert.equal(error.message, `registry ${host} does not answer (connection refused)`)
  assert.ok(error.hint)
})

test('a download that breaks off goes on where it stopped', async (context) => {
  const server = await startScriptedServer(
    context,
    (_, response) => {
      response.writeHead(200, { 'content-length': DATA.length })
      response.write(DATA.subarray(0, 3_000_000), () => setTimeout(() => response.destroy(), 20))
    },
    (request, response) => {
      const [, from] = /^bytes=(\d+)-7999999$/.exec(request.headers.range ?? '') ?? []
      const rest = DATA.subarray(Number(from))
      const range = { 'content-range': `bytes ${from}-7999999/8000000`, 'content-length': rest.length }
      response.writeHead(206, range)
      response.end(rest)
    },
  )
  const bytes = await readAll(repositoryOn(server.host).openBlob(BLOB).open(), DATA.length)
  assert.ok(bytes.equals(DATA))
  assert.equal(server.requests.length, 2)
})

test('a download that breaks off is left to a reader who takes it up', async (context) => {
  const server = await startScriptedServer(context, (_, response) => {
    response.writeHead(200, { 'content-length': DATA.length })
    response.write(DATA.subarray(0, 3_000_000), () => setTimeout(() => response.destroy(), 20))
  })
  const content = repositoryOn(server.host).openBlob(BLOB, { once: true })
  const error = await failure(readAll(content.open(), DATA.length), 'REMOTE')
  assert.equal(error.retryable, true)
  assert.equal(server.requests.length, 1)
})

test('an answer with everything is not taken for the range', async (context) => {
  const server = await startScriptedServer(context, reply(200, {}, DATA))
  const range = { offset: 4_000_003, length: 9 }
  const bytes = await readAll(repositoryOn(server.host).openBlob(BLOB).open(range), 100)
  assert.ok(bytes.equals(DATA.subarray(4_000_003, 4_000_012)))
})

test('another range, another length, an encoded body: refused', async (context) => {
  const server = await startScriptedServer(
    context,
    reply(206, { 'content-range': 'bytes 0-8/8000000' }, DATA.subarray(0, 9)),
    reply(200, { 'content-length': '9' }, DATA.subarray(0, 9)),
    reply(200, { 'content-encoding': 'gzip' }, DATA),
  )
  for (let index = 0; index < 3; index++) {
    const content = repositoryOn(server.host).openBlob(BLOB).open({ offset: 5, length: 9 })
    await failure(readAll(content, DATA.length), 'DAMAGED')
  }
})

test('a manifest with another digest is asked for again, and then refused', async (context) => {
  const byDigest = reply(200, { 'content-type': OCI_MANIFEST }, MANIFEST)
  const byTag = reply(200, { 'docker-content-digest': digestOf('other') }, MANIFEST)
  const right = reply(200, { 'docker-content-digest': digestOf(MANIFEST) }, MANIFEST)
  const replies = [byDigest, byDigest, byDigest, byTag, byTag, byTag, byTag, right]
  const repository = repositoryOn((await startScriptedServer(context, ...replies)).host)
  await failure(repository.getManifest(digestOf('other')), 'DAMAGED')
  await failure(repository.getManifest('latest'), 'DAMAGED')
  assert.equal((await repository.getManifest('latest'))?.digest, digestOf(MANIFEST))
})

test('tags over several pages', async (context) => {
  const server = await startScriptedServer(
    context,
    reply(200, { link: '</v2/app/tags/list?last=b&n=2>; rel="next"' }, '{"tags":["b","a"]}'),
    reply(200, {}, '{"tags":["c"]}'),
  )
  assert.deepEqual(await repositoryOn(server.host).listTags(), ['a', 'b', 'c'])
  assert.equal(server.requests[1], 'GET /v2/app/tags/list?last=b&n=2')
})

test('a repository without tags, and none at all', async (context) => {
  const server = await startScriptedServer(context, reply(200, {}, '{"tags":null}'), reply(404))
  assert.deepEqual(await repositoryOn(server.host).listTags(), [])
  assert.deepEqual(await repositoryOn(server.host).listTags(), [])
})

test('a mount that only opens a session: the session is cancelled', async (context) => {
  const server = await startScriptedServer(context, OPENED, reply(204))
  const other = openRepository({ host: server.host, name: 'other' })
  assert.equal(await repositoryOn(server.host).mountBlob(BLOB, other), false)
  assert.deepEqual(server.requests, [
    `POST /v2/app/blobs/uploads/?mount=${encodeURIComponent(BLOB.digest)}&from=other`,
    'DELETE /v2/app/blobs/uploads/1?_state=a%2Bb~c',
  ])
})

for (const status of [400, 401, 403, 404, 405]) {
  test(`a mount that is refused with ${status} is no failure`, async (context) => {
    const server = await startScriptedServer(context, reply(status))
    const other = openRepository({ host: server.host, name: 'other' })
    assert.equal(await repositoryOn(server.host).mountBlob(BLOB, other), false)
  })
}
