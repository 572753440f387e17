import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { startFileServer } from '../../test/doubles/file-server.ts'
import { makeCertificate } from '../../test/fixtures/certificate.ts'
import { listenOnLoopback } from '../../test/fixtures/on-loopback.ts'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError, readAll } from '../core/index.ts'
import { parsePlainHead } from './bulk-head.ts'
import { createTransport, type IncomingResponse } from './transport.ts'

const DATA = createRandom('bulk').bytes(3_000_017)

const send = createTransport({ peer: 'server', patience: { stallMs: 400 } })

function get(origin: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingResponse> {
  return send({ method: 'GET', url: new URL('/w.bin', origin), headers, bulk: true })
}

/** Answers every request on a connection with these bytes, piece by piece. */
async function answering(t: TestContext, pieces: readonly (string | Buffer)[]): Promise<string> {
  const answer = async (socket: Socket): Promise<void> => {
    for (const piece of pieces) {
      socket.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => void answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('bodies come whole, one after the other over one connection', async (t) => {
  const ports = new Set<number | undefined>()
  const instead = ({ socket }: IncomingMessage): boolean => {
    ports.add(socket.remotePort)
    return false
  }
  const server = await startFileServer(t, { '/w.bin': DATA }, { instead })
  for (let turn = 0; turn < 3; turn++) {
    const whole = await get(server.origin)
    assert.equal(whole.status, 200)
    assert.equal(whole.header('content-length'), `${DATA.length}`)
    assert.ok((await readAll(whole.body, DATA.length)).equals(DATA))
    const part = await get(server.origin, { range: 'bytes=100-2000099' })
    assert.equal(part.status, 206)
    assert.ok((await readAll(part.body, DATA.length)).equals(DATA.subarray(100, 2_000_100)))
  }
  assert.equal(ports.size, 1)
})

test('under TLS, an address is held against the certificate, and is told as no name', async (t) => {
  const { key, certificate } = await makeCertificate(await temporaryDirectory(t), '127.0.0.1')
  const ca = certificate.toString()
  const server = createSecureServer({ key, cert: ca }, (_, response) => response.end('abc'))
  const names: unknown[] = []
  server.on('secureConnection', ({ servername }) => names.push(servername))
  const url = new URL(`https://127.0.0.1:${await listenOnLoopback(t, server)}`)
  const trusting = createTransport({ peer: 'server', network: { tls: { ca: [ca] } } })
  const response = await trusting({ method: 'GET', url, bulk: true })
  assert.equal(`${await readAll(response.body, 10)}`, 'abc')
  assert.deepEqual(names, [false])
  const untrusting = send({ method: 'GET', url, bulk: true })
  await assert.rejects(untrusting, (error) => isBallastError(error, 'REMOTE') && !error.retryable)
})

test('a reader who takes its time loses nothing, and one who leaves holds nothing', async (t) => {
  const server = await startFileServer(t, { '/w.bin': DATA })
  const parts: Uint8Array[] = []
  for await (const chunk of (await get(server.origin)).body) {
    await new Promise((resolve) => setTimeout(resolve, 30))
    parts.push(chunk)
  }
  assert.ok(Buffer.concat(parts).equals(DATA))
  for await (const chunk of (await get(server.origin)).body) {
    assert.ok(chunk.length > 0)
    break
  }
  await (await get(server.origin)).discard()
})

test('what is no plain answer is read by other means', async (t) => {
  const chunked = await answering(t, [
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  ])
  assert.equal(`${await readAll((await get(chunked)).body, 10)}`, 'abc')
})

test('a head in pieces, with the beginning of the body', async (t) => {
  const origin = await answering(t, ['HTTP/1.1 200 O', 'K\r\nContent-Length: 5\r\n', '\r\nab', 'cde'])
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(`${await readAll((await get(origin)).body, 10)}`, 'abcde')
  }
})

for (const [what, pieces] of [
  ['ends early', ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc']],
  ['never goes on', ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc']],
] as const) {
  test(`a body that ${what} is no body`, async (t) => {
    const origin = await answering(t, pieces)
    const read = readAll((await get(origin)).body, 100)
    await assert.rejects(read, (error) => isBallastError(error, 'REMOTE') && error.retryable)
  })
}

test('an abort ends a read that waits', async (t) => {
  const origin = await answering(t, ['HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'])
  const stop = new AbortController()
  const response = await send({ method: 'GET', url: new URL(origin), bulk: true, signal: stop.signal })
  setTimeout(() => stop.abort(), 50)
  await assert.rejects(readAll(response.body, 100), (error) => isBallastError(error, 'INTERRUPTED'))
})

for (const [text, expected] of [
  ['HTTP/1.1 206 Partial Content\r\nContent-Length: 7\r\nX-A: 1\r\nx-a:2', 7],
  ['HTTP/1.1 200\r\ncontent-length:0', 0],
  ['HTTP/1.0 200 OK\r\ncontent-length: 7', undefined],
  ['HTTP/1.1 100 Continue\r\ncontent-length: 7', undefined],
  ['HTTP/1.1 304 Not Modified\r\ncontent-length: 7', undefined],
  ['HTTP/1.1 200 OK', undefined],
  ['HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 8', undefined],
  ['HTTP/1.1 200 OK\r\ncontent-length: 7\r\ntransfer-encoding: chunked', undefined],
  ['HTTP/1.1 200 OK\r\ncontent-length: -7', undefined],
  ['HTTP/1.1 200 OK\r\ncontent-length: 7\r\n folded', undefined],
  ['HTTP/1.1 200 OK\r\ncontent length: 7', undefined],
] as const) {
  test(`the head ${JSON.stringify(text)}`, () => assert.equal(parsePlainHead(text)?.length, expected))
}
