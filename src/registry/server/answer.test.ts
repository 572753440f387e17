import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { digestOf } from '../../core/index.ts'
import { openStore } from '../../store/index.ts'
import { startRegistry } from './start.ts'
import { createStoreStorage } from './store-storage.ts'

test('a blob is read no further once the client is gone', async (context) => {
  const storage = createMemoryStorage()
  const digest = digestOf('endless')
  const size = 1024 ** 4
  const reading = { chunks: 0, ended: false }
  storage.blobs.set(digest, {
    size,
    async *open() {
      try {
        for (;;) {
          reading.chunks++
          yield Buffer.alloc(65_536)
        }
      } finally {
        reading.ended = true
      }
    },
  })
  const lines: string[] = []
  const registry = await startRegistry({ storage, log: (line) => lines.push(line) })
  context.after(registry.close)
  const { hostname, port } = new URL(registry.url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET /v2/app/blobs/${digest} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=100-\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
  for (let tries = 0; tries < 100 && !reading.ended; tries++) await sleep(10)
  assert.equal(reading.ended, true)
  const { chunks } = reading
  await sleep(30)
  assert.equal(reading.chunks, chunks)
  assert.deepEqual(lines, [])
})

test('an upload that is cancelled while it arrives holds nothing up', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'ballast-registry-'))
  context.after(() => rm(directory, { recursive: true, force: true }))
  const lines: string[] = []
  const storage = createStoreStorage(await openStore(directory))
  const registry = await startRegistry({ storage, log: (line) => lines.push(line) })
  const { hostname, port } = new URL(registry.url)
  const uploads = `${registry.url}/v2/app/blobs/uploads/`
  const location = (await fetch(uploads, { method: 'POST' })).headers.get('location')
  const socket = connect(Number(port), hostname)
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n`)
  socket.write(Buffer.alloc(4_000_000))
  await sleep(20)
  assert.equal((await fetch(`${registry.url}${location}`, { method: 'DELETE' })).status, 204)
  socket.destroy()
  const since = Date.now()
  await registry.close()
  assert.ok(Date.now() - since < 2_000)
  assert.deepEqual(lines, [])
})
