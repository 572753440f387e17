import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  type BallastError,
  bytesContent,
  type Digest,
  digestOf,
  type ErrorCode,
  isBallastError,
  readAll,
  verified,
} from '../../src/core/index.ts'
import { readImage } from '../../src/embed/base-image.ts'
import { type OutgoingRequest, type Send, withRedirects } from '../../src/http/index.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../src/model/index.ts'
import { withAuthentication } from '../../src/registry/client/authenticate.ts'
import { listTags } from '../../src/registry/client/tags.ts'
import { openRepository, type RegistryRepository, type RepositoryOptions } from '../../src/registry/index.ts'
import { chunk, pushImage, startAsked, UPLOADS } from '../doubles/distribution-api.ts'
import { createMemoryStorage } from '../doubles/memory-storage.ts'
import { reply, type Step, startScriptedServer } from '../doubles/scripted-server.ts'

const ANN = { username: 'ann', password: 'hunter2-s3cret' }
const DATA = Buffer.from('some data')
const BLOB = { digest: digestOf(DATA), size: DATA.length }
const MANIFEST = { 'content-type': OCI_MANIFEST }

function clientOf(host: string, options: Partial<RepositoryOptions> = {}): RegistryRepository {
  const patience = { stallMs: 300, commitMs: 300 }
  return openRepository({ host, name: 'app', retryDelays: [], patience, ...options })
}

async function fails(promise: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<BallastError> {
  const error = await promise.then(
    () => assert.fail('it was accepted'),
    (error: unknown) => error,
  )
  if (isBallastError(error) && codes.includes(error.code)) return error
  throw error
}

/** Answers by what is asked for: a path's last part, or `blob` for all others. */
async function registryOf(
  t: TestContext,
  answers: Readonly<Record<string, Buffer | Step>>,
): Promise<{ readonly host: string; readonly requests: readonly string[] }> {
  const step: Step = (request, response) => {
    const last =
      decodeURIComponent(request.url ?? '')
        .split('/')
        .at(-1) ?? ''
    const answer = answers[last] ?? Buffer.alloc(0)
    return (Buffer.isBuffer(answer) ? reply(200, MANIFEST, answer) : answer)(request, response)
  }
  return startScriptedServer(t, ...Array.from({ length: 200 }, () => step))
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function imageManifest(config: object, layers: readonly object[]): Buffer {
  return encode({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, ...config },
    layers,
  })
}

test('a manifest of another digest than was asked for, or than is said', async (t) => {
  const bytes = imageManifest(BLOB, [])
  const wanted = digestOf('another')
  const lying = reply(200, { ...MANIFEST, 'docker-content-digest': wanted }, bytes)
  const { host } = await registryOf(t, { [wanted]: bytes, latest: lying })
  await fails(clientOf(host).getManifest(wanted), 'DAMAGED')
  await fails(clientOf(host).getManifest('latest'), 'DAMAGED')
})

for (const size of [0, 1, DATA.length - 1, DATA.length + 1, 2 ** 40, 2 ** 53, -1, 1.5, '9', null]) {
  test(`a config of a size that it has not got: ${size}`, async (t) => {
    const manifest = imageManifest({ digest: BLOB.digest, size }, [])
    const { host } = await registryOf(t, { latest: manifest, [BLOB.digest]: DATA })
    await fails(readImage(clientOf(host), { reference: 'latest' }), 'DAMAGED', 'REMOTE', 'REFUSED')
  })
}

test('a blob of other bytes, or fewer', async (t) => {
  for (const bytes of [Buffer.from('some dato'), DATA.subarray(1), Buffer.alloc(0)]) {
    const { host } = await registryOf(t, { [BLOB.digest]: bytes })
    const read = readAll(verified(clientOf(host).openBlob(BLOB).open(), BLOB), 1000)
    await fails(read, 'DAMAGED', 'REMOTE')
  }
})

test('a manifest that is larger than any may be, with its length or without', async (t) => {
  const endless: Step = (_, response) => {
    response.writeHead(200, MANIFEST)
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      response.once('drain', more)
    }
    more()
  }
  const { host } = await registryOf(t, { long: Buffer.alloc(5 * 1024 * 1024, ' '), endless })
  const before = process.memoryUsage().rss
  for (const reference of ['long', 'endless']) {
    const error = await fails(clientOf(host).getManifest(reference), 'REFUSED')
    assert.match(error.message, /the manifest of app:.*: more than 4194304 bytes/)
  }
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024)
})

test('a manifest of as many layers as fit in: none of them is fetched', async (t) => {
  const layer = { mediaType: OCI_LAYER, digest: BLOB.digest, size: DATA.length }
  const layers = Array.from({ length: 25_000 }, () => layer)
  const config = encode({ rootfs: { type: 'layers', diff_ids: layers.map(() => BLOB.digest) } })
  const manifest = imageManifest({ digest: digestOf(config), size: config.length }, layers)
  assert.ok(manifest.length < 4 * 1024 * 1024)
  const { host, requests } = await registryOf(t, { latest: manifest, [digestOf(config)]: config })
  const error = await fails(readImage(clientOf(host), { reference: 'latest' }), 'REFUSED')
  assert.match(error.message, /25000 layers/)
  assert.equal(requests.length, 1)
})

test('a manifest that is deeply nested, or no object', async (t) => {
  for (const text of ['['.repeat(2_000_000), '{"a":'.repeat(500_000), 'null', '[]', '"x"', '\0']) {
    const { host } = await registryOf(t, { latest: Buffer.from(text) })
    await fails(readImage(clientOf(host), { reference: 'latest' }), 'DAMAGED', 'REFUSED')
  }
})

test('gzip bombs: what is encoded is not decoded, be it manifest, list or error', async (t) => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024))
  const encoded = (status: number) => reply(status, { 'content-encoding': 'gzip', ...MANIFEST }, bomb)
  const { host } = await registryOf(t, { latest: encoded(200), list: encoded(200), broken: encoded(400) })
  const before = process.memoryUsage().rss
  await fails(clientOf(host).getManifest('latest'), 'DAMAGED')
  await fails(clientOf(host).listTags(), 'DAMAGED')
  await fails(clientOf(host).getManifest('broken'), 'REMOTE')
  assert.ok(process.memoryUsage().rss - before < 40 * 1024 * 1024)
})

test('an index that says that it contains itself', async (t) => {
  const own = digestOf('the index itself')
  const entries = [
    { mediaType: OCI_MANIFEST, digest: own, size: 100 },
    { mediaType: OCI_INDEX, digest: own, size: 100 },
  ]
  for (const entry of entries) {
    const index = encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] })
    const step = reply(200, { 'content-type': OCI_INDEX }, index)
    const { host, requests } = await registryOf(t, { latest: step, [own]: step })
    await fails(readImage(clientOf(host), { reference: 'latest' }), 'DAMAGED', 'REFUSED')
    assert.ok(requests.length <= 2)
  }
})

test('an index in an index', async (t) => {
  const inner = encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] })
  const entry = { mediaType: OCI_MANIFEST, digest: digestOf(inner), size: inner.length }
  const outer = encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] })
  const { host } = await registryOf(t, {
    latest: reply(200, { 'content-type': OCI_INDEX }, outer),
    [digestOf(inner)]: reply(200, { 'content-type': OCI_INDEX }, inner),
  })
  await fails(readImage(clientOf(host), { reference: 'latest' }), 'REFUSED')
})

test('digests of other algorithms: not taken for a proof, and refused in a manifest', async (t) => {
  const bytes = imageManifest({ digest: `sha512:${'0'.repeat(128)}`, size: 1 }, [])
  for (const said of [`sha512:${'0'.repeat(128)}`, 'md5:00', 'sha256:short', 'sha256:../../etc/passwd', '']) {
    const answer = reply(200, { ...MANIFEST, 'docker-content-digest': said }, bytes)
    const { host } = await registryOf(t, { latest: answer })
    assert.equal((await clientOf(host).getManifest('latest'))?.digest, digestOf(bytes))
  }
  for (const digest of [
    `sha512:${'0'.repeat(128)}`,
    'md5:00',
    `sha256:${'A'.repeat(64)}`,
    'sha256:../x',
    '',
    7,
  ]) {
    const { host } = await registryOf(t, { latest: imageManifest({ digest, size: 1 }, []) })
    await fails(readImage(clientOf(host), { reference: 'latest' }), 'DAMAGED', 'REFUSED')
  }
})

/** A registry that answers every list of tags with what `page` says. */
async function tagsOf(
  page: (number: number, url: URL) => { readonly tags: unknown; readonly link?: string },
): Promise<{ readonly tags: Promise<readonly string[]>; readonly asked: URL[] }> {
  const asked: URL[] = []
  const base = new URL('https://registry.example/')
  const send: Send = async ({ url }) => {
    asked.push(url)
    const { tags, link } = page(asked.length, url)
    const body = bytesContent(encode({ tags })).open()
    const header = (name: string): string | undefined => (name === 'link' ? link : undefined)
    return { status: 200, headers: {}, header, url, peer: 'registry', body, discard: async () => undefined }
  }
  return { tags: listTags({ host: base.host, base, send, retryDelays: [] }, 'app'), asked }
}

test('a list of tags whose next page is itself, or another without anything new', async () => {
  const itself = await tagsOf((_, url) => ({ tags: ['a'], link: `<${url.href}>; rel="next"` }))
  await fails(itself.tags, 'REMOTE')
  const empty = await tagsOf((number) => ({
    tags: null,
    link: `</v2/app/tags/list?n=${number}>; rel="next"`,
  }))
  await fails(empty.tags, 'REMOTE')
  assert.ok(itself.asked.length + empty.asked.length < 30)
})

test('a list of tags that never ends', async () => {
  const endless = await tagsOf((number) => ({ tags: [`t${number}`], link: `<?last=${number}>; rel="next"` }))
  assert.match((await fails(endless.tags, 'REMOTE')).message, /without end/)
  const many = await tagsOf((number) => ({
    tags: Array.from({ length: 100_000 }, (_, index) => `t${number}-${index}`),
    link: `<?last=${number}>; rel="next"`,
  }))
  assert.match((await fails(many.tags, 'REMOTE')).message, /without end/)
})

test('a list of tags that goes on at another place', async () => {
  for (const link of [
    'https://evil.example/',
    'file:///etc/passwd',
    '//evil.example/x',
    'https://registry.example:8443/',
  ]) {
    const { tags, asked } = await tagsOf(() => ({ tags: ['a'], link: `<${link}>; rel="next"` }))
    await fails(tags, 'REMOTE')
    assert.equal(asked.length, 1)
  }
})

test('tags that are none', async () => {
  const none = ['../x', 'a/b', 'a\u001b[2J', 'x'.repeat(129), '', 7, null, {}]
  const { tags } = await tagsOf(() => ({ tags: [...none, 'good'] }))
  assert.deepEqual(await tags, ['good'])
})

/** Sends nothing anywhere: keeps what would be sent, and answers by URL. */
function network(answers: Readonly<Record<string, Readonly<Record<string, string>>>>): {
  send: Send
  sent: OutgoingRequest[]
} {
  const sent: OutgoingRequest[] = []
  const send: Send = async (request) => {
    sent.push(request)
    const headers = answers[request.url.href]
    const status = headers === undefined ? 200 : headers.location === undefined ? 401 : 307
    const proven = status === 401 && request.headers?.authorization !== undefined
    return {
      status: proven ? 200 : status,
      headers: {},
      header: (name) => headers?.[name],
      url: request.url,
      body: bytesContent(Buffer.from('{"token":"t"}')).open(),
      peer: 'registry',
      discard: async () => undefined,
    }
  }
  return { send, sent }
}

const REGISTRY = new URL('https://registry.example/v2/x')

test('redirects to files, to this machine, to private networks, from https to http: not followed', async () => {
  for (const location of [
    'file:///etc/passwd',
    'data:application/json,{}',
    'http://registry.example/v2/x',
    'https://localhost/x',
    'https://127.0.0.1:2375/containers/json',
    'https://[::1]/x',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/x',
    'https://192.168.1.1/x',
    'https://0x7f000001/x',
  ]) {
    const { send, sent } = network({ [REGISTRY.href]: { location } })
    await fails(withRedirects(send)({ method: 'GET', url: REGISTRY }), 'REMOTE')
    assert.equal(sent.length, 1, location)
  }
})

test('redirects without end', async () => {
  const { send } = network({ [REGISTRY.href]: { location: REGISTRY.href } })
  assert.match(
    (await fails(withRedirects(send)({ method: 'GET', url: REGISTRY }), 'REMOTE')).message,
    /without end/,
  )
})

test('the login is not sent to where a redirect leads, nor is a token', async () => {
  for (const challenge of ['Basic realm="x"', 'Bearer realm="https://auth.example/token"']) {
    const elsewhere = 'https://storage.example/blob'
    const { send, sent } = network({
      [REGISTRY.href]: { 'www-authenticate': challenge },
      'https://registry.example/moved': { location: elsewhere },
      [elsewhere]: { 'www-authenticate': challenge },
    })
    const options = {
      base: new URL('https://registry.example/'),
      host: 'registry.example',
      login: async () => ANN,
    }
    const client = withRedirects(withAuthentication(send, options))
    await client({ method: 'GET', url: REGISTRY })
    await client({ method: 'GET', url: new URL('https://registry.example/moved') })
    const there = sent.filter(({ url }) => url.href === elsewhere)
    assert.deepEqual(
      there.map(({ headers }) => headers?.authorization),
      [undefined],
    )
    assert.ok(
      sent.some(({ url, headers }) => url.pathname === '/moved' && headers?.authorization !== undefined),
    )
  }
})

test('a token server on this machine, in a private network or without TLS: not asked', async () => {
  for (const realm of [
    'https://127.0.0.1/token',
    'https://10.0.0.1/token',
    'http://auth.example/token',
    'file:///etc/passwd',
    'x',
  ]) {
    const { send, sent } = network({ [REGISTRY.href]: { 'www-authenticate': `Bearer realm="${realm}"` } })
    const options = {
      base: new URL('https://registry.example/'),
      host: 'registry.example',
      login: async () => ANN,
    }
    const asking = withAuthentication(send, options)({ method: 'GET', url: REGISTRY })
    await fails(asking, 'UNAUTHORIZED')
    assert.equal(sent.length, 1, realm)
  }
})

test('`..`, a login and a fragment in the place of an upload: it stays at the registry, and without them', async (t) => {
  const location = 'http://evil:pw@HOST/v2/app/../../../../etc/passwd?a=b#c'
  const opened: Step = (request, response) =>
    void response.writeHead(202, { location: location.replace('HOST', request.headers.host ?? '') }).end()
  const server = await startScriptedServer(t, opened, reply(201))
  await clientOf(server.host).putBlob(BLOB, bytesContent(DATA))
  assert.equal(server.requests[1], `PUT /etc/passwd?a=b&digest=${encodeURIComponent(BLOB.digest)}`)
  assert.deepEqual(server.authorizations, [undefined, undefined])
})

test('an upload that would go to a file or nowhere', async (t) => {
  for (const location of ['file:///etc/passwd', 'javascript:0', 'http://', 'http://a:b:c/']) {
    const server = await startScriptedServer(t, reply(202, { location }))
    await fails(clientOf(server.host).putBlob(BLOB, bytesContent(DATA)), 'REMOTE')
  }
})

/** Writes bytes as they are, for answers that no HTTP server makes. */
async function rawServer(t: TestContext, answer: (socket: Socket, request: string) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => answer(socket, data.toString('latin1')))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function rawAnswer(body: Buffer, ...headers: readonly string[]): string {
  const head = [
    'HTTP/1.1 200 OK',
    `content-type: ${OCI_MANIFEST}`,
    `content-length: ${body.length}`,
    ...headers,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body.toString('latin1')}`
}

test('headers that would inject others, and answers that are no HTTP', async (t) => {
  for (const raw of [
    rawAnswer(DATA, 'location: x\ny: z', 'a\r: b'),
    rawAnswer(DATA, 'docker-content-digest: a\rb'),
    rawAnswer(DATA, `x: ${'y'.repeat(100_000)}`),
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nx',
    'HTTP/1.1 999999 \r\n\r\n',
    '\0\0\0\0\r\n\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
  ]) {
    const host = await rawServer(t, (socket) => void socket.write(raw, 'latin1'))
    await fails(clientOf(host).getManifest('latest'), 'REMOTE', 'REFUSED', 'DAMAGED')
  }
})

test('an answer that nobody asked for is not taken for that to the next request', async (t) => {
  const [good, evil] = [encode({ schemaVersion: 2, good: 1 }), encode({ schemaVersion: 2, evil: 1 })]
  const host = await rawServer(t, (socket) => {
    socket.write(rawAnswer(good) + rawAnswer(evil), 'latin1')
  })
  const client = clientOf(host, { retryDelays: [1, 1] })
  for (let index = 0; index < 5; index++) {
    const found = await client.getManifest('latest').catch((error: unknown) => {
      if (!isBallastError(error)) throw error
      return { digest: digestOf(good) as Digest }
    })
    assert.equal(found?.digest, digestOf(good))
  }
})

test('an answer byte by byte, for ever', { timeout: 20_000 }, async (t) => {
  const drip: Step = (_, response) => {
    response.writeHead(200, MANIFEST)
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  }
  const host = (await registryOf(t, { latest: drip, list: drip })).host
  assert.match((await fails(clientOf(host).getManifest('latest'), 'REMOTE')).message, /stopped answering/)
  await fails(clientOf(host).listTags(), 'REMOTE')
})

test('an error that would write to the terminal, or fill it', async (t) => {
  const message = `\u001b[2J\u001b]0;owned\u0007\r\nballast: all is well\n${'x'.repeat(60_000)}`
  const { host } = await registryOf(t, {
    latest: reply(400, {}, encode({ errors: [{ code: 'A\u001b[1m', message }] })),
  })
  const error = await fails(clientOf(host).getManifest('latest'), 'REMOTE')
  assert.doesNotMatch(error.message, /\p{Cc}/u)
  assert.ok(error.message.length < 2000)
})

test('a registry that asks to wait for a year is not waited for', { timeout: 30_000 }, async (t) => {
  const { host } = await registryOf(t, { latest: reply(429, { 'retry-after': '31536000' }) })
  const signal = AbortSignal.timeout(200)
  await fails(clientOf(host, { retryDelays: [1] }).getManifest('latest', { signal }), 'INTERRUPTED')
})

test('pushed to the registry of a store: digests of other algorithms, subjects with line ends, ranges that lie', async (t) => {
  const ask = await startAsked(t, createMemoryStorage())
  const sha512 = await ask('POST', `${UPLOADS}?digest=sha512:${'0'.repeat(128)}`, { body: DATA })
  assert.equal(sha512.code, 'DIGEST_INVALID')
  const config = Buffer.from('{}')
  await ask('POST', `${UPLOADS}?digest=${digestOf(config)}`, { body: config })
  const image = { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length }
  for (const digest of ['sha256:0\r\nx-evil: 1', 'sha256:\u0000', 'not a digest']) {
    const manifest = encode({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: image,
      layers: [],
      subject: { mediaType: OCI_MANIFEST, digest, size: 1 },
    })
    const stored = await ask('PUT', '/v2/team/app/manifests/x', { headers: MANIFEST, body: manifest })
    assert.deepEqual([stored.status, stored.code], [400, 'MANIFEST_INVALID'])
  }
  const opened = await ask('POST', UPLOADS)
  const place = String(opened.headers.location)
  assert.equal((await ask('PATCH', place, chunk(DATA, 5))).status, 416)
  const lie = { headers: { 'content-range': `0-${DATA.length + 5}` }, body: DATA }
  assert.ok((await ask('PATCH', place, lie)).status >= 400)
  assert.ok(await pushImage(ask, 'good'))
})
