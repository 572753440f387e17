import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'

import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesContent, type Content, digestOf } from '../../src/core/index.ts'
import { createStoreStorage, type RunningRegistry, startRegistry } from '../../src/registry/index.ts'
import { DATA, DIGEST, pushImage, startAsked, UPLOADS } from '../doubles/distribution-api.ts'
import { createMemoryStorage } from '../doubles/memory-storage.ts'
import { temporaryStore } from '../fixtures/store.ts'

test('paths that lead elsewhere are none, however they are written', async (t) => {
  const store = await temporaryStore(t)
  const registry = await startRegistry({ storage: createStoreStorage(store) })
  t.after(registry.close)
  for (const path of [
    '/v2/../../../etc/passwd',
    '/v2/%2e%2e/%2e%2e/etc/passwd',
    '/v2/..%2f..%2f..%2fetc%2fpasswd/manifests/x',
    '/v2/a/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd',
    '/v2/a/blobs/sha512:..%2f..%2f..%2fetc%2fpasswd',
    '/v2/a/manifests/..%2f..%2findex.json',
    '/v2/a/blobs/uploads/..%2f..%2fformat',
    '/v2/a/blobs/uploads/..',
    '/v2/a%00b/tags/list',
    '/v2/a/tags/list%0d%0aset-cookie:x',
    `/v2/${'a/'.repeat(200)}a/tags/list`,
    '//evil.example/v2/',
    '/v2//blobs/uploads/',
  ]) {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await raw(
        registry,
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 (?:400|404|405) /, `${method} ${path}: ${answer.slice(0, 60)}`)
      assert.doesNotMatch(answer, /root:|set-cookie|imageLayoutVersion/)
    }
  }
  assert.deepEqual(await readdir(store.root).catch(() => []), [], 'nothing was written')
})

test('requests that are none: smuggled, doubled, without a host, of another protocol', async (t) => {
  const registry = await startRegistry({ storage: createMemoryStorage() })
  t.after(registry.close)
  for (const head of [
    'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n',
    'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n',
    'GET /v2/ HTTP/1.1\r\n',
    'GET /v2/ HTTP/9.9\r\nHost: localhost\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n',
    `GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n`,
  ]) {
    assert.match(await raw(registry, head), /^(?:HTTP\/1\.1 4\d\d |$)/, head.slice(0, 60))
  }
  assert.match(await raw(registry, 'GET /v2/ HTTP/1.1\r\nHost: evil.example\r\n'), /^HTTP\/1\.1 403 /)
  assert.match(await raw(registry, 'GET /v2/ HTTP/1.1\r\nHost: localhost\r\n'), /^HTTP\/1\.1 200 /)
})

test('digests that are none, or of other bytes, are refused by every way in', async (t) => {
  const ask = await startAsked(t, createStoreStorage(await temporaryStore(t)))
  for (const digest of [
    'sha256:short',
    `sha256:${'A'.repeat(64)}`,
    `sha1:${'0'.repeat(40)}`,
    `sha512:${'0'.repeat(64)}`,
    'md5:x',
    '',
    digestOf('other bytes'),
    `sha512:${'0'.repeat(128)}`,
  ]) {
    const named = `digest=${encodeURIComponent(digest)}`
    const whole = await ask('POST', `${UPLOADS}?${named}`, { body: DATA })
    assert.deepEqual([whole.status, whole.code], [400, 'DIGEST_INVALID'], digest)
    const place = String((await ask('POST', UPLOADS)).headers.location)
    await ask('PATCH', place, { body: DATA })
    assert.equal((await ask('PUT', `${place}?${named}`)).code, 'DIGEST_INVALID', digest)
  }
  assert.equal((await ask('HEAD', `/v2/team/app/blobs/${DIGEST}`)).status, 404)
})

test('a manifest that is too large is refused before it is read, and one that lies about its length while it is', async (t) => {
  const registry = await startRegistry({ storage: createMemoryStorage() })
  t.after(registry.close)
  const before = process.memoryUsage().rss
  const said = 'PUT /v2/a/manifests/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n'
  assert.match(await raw(registry, said), /^HTTP\/1\.1 413 /)
  const socket = await open(registry)
  socket.write('PUT /v2/a/manifests/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const piece = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 32), Buffer.from('\r\n')])
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  while (answer === '' && !socket.destroyed) {
    socket.write(piece)
    await sleep(1)
  }
  assert.match(answer, /^HTTP\/1\.1 413 /)
  socket.destroy()
  assert.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024)
})

test('an upload without end is refused where it is too large, and its bytes are gone', async (t) => {
  const store = await temporaryStore(t)
  const registry = await startRegistry({ storage: createStoreStorage(store, { mostBytes: 1_000_000 }) })
  t.after(registry.close)
  const socket = await open(registry)
  socket.write(
    `POST ${UPLOADS}?digest=${DIGEST} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`,
  )
  const piece = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')])
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  let sent = 0
  while (answer === '' && sent < 100_000_000) {
    if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), sleep(100)])
    sent += piece.length
  }
  assert.match(answer, /^HTTP\/1\.1 413 /)
  socket.destroy()
  assert.equal(await store.uploads.count(), 0)
  assert.deepEqual(await store.blobs.list(), [])
})

test('clients that take nothing keep nobody waiting, and no more memory each than one piece', async (t) => {
  const pieces = { lent: 0 }
  const piece = Buffer.alloc(256 * 1024)
  const size = 1024 * piece.length
  async function* endless(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < size; at += piece.length) {
      pieces.lent++
      yield piece
    }
  }
  const large: Content = { size, open: endless, lend: endless }
  const storage = createMemoryStorage()
  storage.blobs.set(DIGEST, large)
  const small = Buffer.from('small')
  storage.blobs.set(digestOf(small), bytesContent(small))
  const registry = await startRegistry({ storage })
  t.after(registry.close)
  const idle = await Promise.all(Array.from({ length: 40 }, () => open(registry)))
  for (const socket of idle) {
    socket.pause()
    socket.write(`GET /v2/a/blobs/${DIGEST} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  }
  let before = -1
  for (; pieces.lent !== before; await sleep(200)) before = pieces.lent
  // What the kernel holds for a connection, and the one piece on its way.
  assert.ok(pieces.lent < idle.length * 64, `${pieces.lent} pieces were read for nobody`)
  const answer = await fetch(`${registry.url}/v2/a/blobs/${digestOf(small)}`)
  assert.equal(await answer.text(), 'small')
  for (const socket of idle) socket.destroy()
})

test('pushes and pulls beside `gc`, and beside deletes of others: what was answered with 201 is there', async (t) => {
  const store = await temporaryStore(t)
  const storage = createStoreStorage(store)
  const ask = await startAsked(t, storage)
  let isOver = false
  const collecting = (async () => {
    while (!isOver) await store.gc()
  })()
  await Promise.all(
    Array.from({ length: 4 }, async (_, client) => {
      for (let turn = 0; turn < 6; turn++) {
        const tag = `c${client}-${turn}`
        const { digest, bytes } = await pushImage(ask, tag, { annotations: { tag } })
        assert.deepEqual((await ask('GET', `/v2/team/app/manifests/${tag}`)).bytes, bytes)
        assert.deepEqual((await ask('GET', `/v2/team/app/blobs/${DIGEST}`)).bytes, DATA)
        if (turn % 2 === 0) await ask('DELETE', `/v2/team/app/manifests/${digest}`)
        // Another client's manifest refers to it, or will in a moment: then it stays, or that client sends it again.
        if (turn === 3) await ask('DELETE', `/v2/team/app/blobs/${DIGEST}`)
      }
    }),
  )
  isOver = true
  await collecting
  await store.gc()
  assert.deepEqual((await store.verify()).problems, [])
})

async function open({ url }: RunningRegistry): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** The answer to bytes as they are, which no client would send. */
async function raw(registry: RunningRegistry, head: string): Promise<string> {
  const socket = await open(registry)
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write(`${head}Connection: close\r\n\r\n`)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await Promise.race([closed, sleep(5_000)])
  socket.destroy()
  return answer
}
