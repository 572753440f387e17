import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Agent, request } from 'undici'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { makeCertificate } from '../../../test/fixtures/certificate.ts'
import { missingParts } from '../../../test/fixtures/parts.ts'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { isBallastError } from '../../core/index.ts'
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
