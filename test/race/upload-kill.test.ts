import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { digestOf } from '../../src/core/index.ts'
import { createRandom } from '../fixtures/random.ts'
import { startRegistry } from './images.ts'
import { createWorld } from './world.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

test('an upload goes on at a registry that was killed while it took it, and only what is missing is sent', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const random = createRandom(SEED)
  const world = await createWorld()
  t.after(world.clear)
  const store = world.fresh('served')
  const data = random.bytes(8 * 1024 * 1024)

  const first = await startRegistry(store)
  t.after(first.running.kill)
  const opened = await fetch(`${first.url}/v2/app/blobs/uploads/`, { method: 'POST' })
  const place = opened.headers.get('location') ?? ''
  const acknowledged = 1 + random.below(data.length / 2)
  const body = data.subarray(0, acknowledged)
  assert.equal((await fetch(`${first.url}${place}`, { method: 'PATCH', body })).status, 202)
  // The registry goes while it takes the rest, of which any part may have come.
  const rest = fetch(`${first.url}${place}`, { method: 'PATCH', body: data.subarray(acknowledged) })
  rest.catch(() => undefined)
  first.running.kill()
  await first.running.ended

  const second = await startRegistry(store)
  t.after(second.running.kill)
  const { status, headers } = await fetch(`${second.url}${place}`)
  const received = Number(/^0-(\d+)$/.exec(headers.get('range') ?? '')?.[1]) + 1
  assert.equal(status, 204)
  assert.ok(received >= acknowledged && received <= data.length, `${received} of ${data.length}`)
  const digest = digestOf(data)
  const put = await fetch(`${second.url}${place}?digest=${digest}`, {
    method: 'PUT',
    body: data.subarray(received),
    headers: received < data.length ? { 'content-range': `${received}-${data.length - 1}` } : {},
  })
  assert.equal(put.status, 201, await put.text())
  const found = await fetch(`${second.url}/v2/app/blobs/${digest}`)
  assert.equal(digestOf(Buffer.from(await found.arrayBuffer())), digest)
})
