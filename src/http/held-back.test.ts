import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTransport } from './transport.ts'

/** More than waits for a reader in the process, and less than its socket holds. */
const BODY = Buffer.alloc(64 * 1024, 'x')

test('a body that its reader holds back is whole when the server has closed the connection meanwhile', async (t) => {
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\nconnection: close\r\n\r\n`)
      socket.end(BODY)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const answer = await createTransport({ peer: 'server' })({ method: 'GET', url })
  await sleep(200)
  let length = 0
  for await (const chunk of answer.body) length += chunk.length
  assert.equal(length, BODY.length)
})
