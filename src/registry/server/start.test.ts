import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { makeCertificate } from '../../../test/fixtures/certificate.ts'
import { missingParts } from '../../../test/fixtures/parts.ts'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { bytesContent, digestOf, isBallastError } from '../../core/index.ts'
import { startRegistry } from './start.ts'
import { oneUser } from './users.ts'

for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org']) {
  test(`${host} without credentials is refused`, async () => {
    await assert.rejects(startRegistry({ storage: createMemoryStorage(), listen: { host } }), (error) => {
      assert.ok(isBallastError(error, 'REFUSED'))
      assert.ok(error.hint)
      return true
    })
  })
}

test('with credentials any address may be listened on', async () => {
  const users = oneUser({ username: 'ann', password: 'secret' })
  const registry = await startRegistry({
    storage: createMemoryStorage(),
    listen: { host: '0.0.0.0', port: 0 },
    users,
  })
  await registry.close()
})

test('over TLS with a certificate; what is none is refused', { skip: missingParts('openssl') }, async (t) => {
  const directory = await temporaryDirectory(t)
  const { files, key } = await makeCertificate(directory, '127.0.0.1')
  const cert = await readFile(files.certificate, 'utf8')
  const storage = createMemoryStorage()
  await assert.rejects(startRegistry({ storage, tls: { cert, key: cert } }), (error) =>
    isBallastError(error, 'REFUSED'),
  )
  const registry = await startRegistry({ storage, tls: { cert, key } })
  t.after(registry.close)
  assert.match(registry.url, /^https:/)
  const dispatcher = new Agent({ connect: { ca: cert } })
  t.after(() => dispatcher.close())
  assert.equal((await request(`${registry.url}/v2/`, { dispatcher })).statusCode, 200)
})

test('a certificate can be renewed, and one that is none changes nothing', {
  skip: missingParts('openssl'),
}, async (t) => {
  const make = async (): Promise<{ cert: string; key: string }> => {
    const { files, key } = await makeCertificate(await temporaryDirectory(t), '127.0.0.1')
    return { cert: await readFile(files.certificate, 'utf8'), key }
  }
  const [first, second] = [await make(), await make()]
  const registry = await startRegistry({ storage: createMemoryStorage(), tls: first })
  t.after(registry.close)
  const status = async ({ cert: ca }: { readonly cert: string }): Promise<number | undefined> => {
    const dispatcher = new Agent({ connect: { ca } })
    const answer = await request(`${registry.url}/v2/`, { dispatcher }).catch(() => undefined)
    await dispatcher.close()
    return answer?.statusCode
  }
  assert.throws(
    () => registry.renew({ cert: second.cert, key: first.key }),
    (error) => isBallastError(error, 'REFUSED'),
  )
  assert.deepEqual([await status(first), await status(second)], [200, undefined])
  registry.renew(second)
  assert.deepEqual([await status(first), await status(second)], [undefined, 200])
})

test('a client that moves next to nothing is let go, and one that waits a moment is not', async (t) => {
  const storage = createMemoryStorage()
  const large = Buffer.alloc(32 * 1024 * 1024, 'x')
  const openBlob = async () => bytesContent(large)
  const registry = await startRegistry({ storage: { ...storage, openBlob }, idleMs: 500 })
  t.after(registry.close)
  /** How much arrives for one who waits so long after the first bytes, and then takes all there is. */
  const read = (waitMs: number): Promise<number> =>
    new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(registry.url).port) })
      let got = 0
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(got))
      socket.write(`GET /v2/app/blobs/${digestOf(large)} HTTP/1.1\r\nhost: ${registry.host}\r\n\r\n`)
      socket.on('data', (chunk) => {
        got += chunk.length
        if (got >= large.length) socket.end()
      })
      socket.once('data', () => {
        socket.pause()
        setTimeout(() => socket.resume(), waitMs)
      })
    })
  assert.ok((await read(2_000)) < large.length)
  assert.ok((await read(50)) >= large.length)
})

test('a client that sends a byte now and then is let go', { timeout: 10_000 }, async (t) => {
  const registry = await startRegistry({ storage: createMemoryStorage(), idleMs: 500 })
  t.after(registry.close)
  const begun = await request(`${registry.url}/v2/app/blobs/uploads/`, { method: 'POST' })
  await begun.body.dump()
  const { pathname } = new URL(`${begun.headers.location}`, registry.url)
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(registry.url).port) })
  // By a reset, where a byte of the client's was on its way.
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(`PATCH ${pathname} HTTP/1.1\r\nhost: ${registry.host}\r\ncontent-length: 1000000\r\n\r\n`)
  let sent = 0
  const drip = setInterval(() => socket.write('x', () => sent++), 50)
  t.after(() => clearInterval(drip))
  await closed
  assert.ok(sent > 1)
})

test('a port in use is a conflict', async (context) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  context.after(() => void other.close())
  const address = other.address()
  assert.ok(address !== null && typeof address === 'object')
  const listen = { host: '127.0.0.1', port: address.port }
  await assert.rejects(startRegistry({ storage: createMemoryStorage(), listen }), (error) =>
    isBallastError(error, 'CONFLICT'),
  )
})
