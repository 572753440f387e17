import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { digestOf } from '../../core/index.ts'
import { openRepository } from './repository.ts'

test('requests one after the other go over one connection, after HEAD too', async (t) => {
  const server = createServer((request, response) => {
    const body = JSON.stringify({ tags: ['latest'] })
    response.writeHead(200, { 'content-length': request.method === 'HEAD' ? 3 : body.length })
    response.end(request.method === 'HEAD' ? undefined : body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  let connections = 0
  server.on('connection', () => connections++)
  const { port } = server.address() as AddressInfo
  const repository = openRepository({ host: `127.0.0.1:${port}`, name: 'app' })
  for (let i = 0; i < 3; i++) {
    assert.equal(await repository.hasBlob({ digest: digestOf('abc'), size: 3 }), true)
    assert.deepEqual(await repository.listTags(), ['latest'])
  }
  assert.equal(connections, 1)
})
