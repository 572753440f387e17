import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { createRandom } from '../../test/fixtures/random.ts'
import { temporaryStore } from '../../test/fixtures/store.ts'
import {
  BallastError,
  type ByteRange,
  bytesContent,
  type Content,
  createChecksummer,
  digestOf,
  isBallastError,
  type Progress,
} from '../core/index.ts'
import type { Store } from '../store/index.ts'
import { fetchBlob } from './fetch-blob.ts'
import { createLanes } from './lanes.ts'

const MIB = 1024 * 1024
const seed = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')
const LARGE = createRandom(seed).bytes(40 * MIB + 12_345)
const SMALL = LARGE.subarray(0, 300_000)
const PIECE = 64 * 1024

interface Elsewhere extends Content {
  /** What has been asked for so far. */
  readonly asked: ByteRange[]
  /** How many bytes have been handed out. */
  readonly given: () => number
}

/** Bytes that come in pieces, in their own time. `trouble` is asked before each of them. */
function elsewhere(data: Buffer, trouble: (at: number) => void = () => undefined): Elsewhere {
  const asked: ByteRange[] = []
  let given = 0
  return {
    size: data.length,
    asked,
    given: () => given,
    async *open(range = { offset: 0, length: data.length }, signal) {
      asked.push(range)
      for (let at = range.offset; at < range.offset + range.length; at += PIECE) {
        await new Promise((resolve) => setImmediate(resolve))
        if (signal?.aborted) throw new BallastError('INTERRUPTED', 'interrupted')
        trouble(at)
        const piece = data.subarray(at, Math.min(at + PIECE, range.offset + range.length))
        given += piece.length
        yield piece
      }
    },
  }
}

const broken = (): BallastError => new BallastError('REMOTE', 'the connection broke', { retryable: true })

async function partialsOf(store: Store): Promise<readonly string[]> {
  return readdir(join(store.root, 'ballast/partial')).catch(() => [])
}

for (const [name, data] of [
  ['large', LARGE],
  ['small', SMALL],
  ['empty', Buffer.alloc(0)],
] as const) {
  test(`a ${name} content arrives whole, is told of, and leaves nothing else behind`, async (t) => {
    t.diagnostic(`seed ${seed}`)
    const store = await temporaryStore(t)
    await using session = await store.begin()
    const events: Progress[] = []
    const fetched = await fetchBlob(
      { store, session },
      { item: name, content: elsewhere(data), identity: name },
      { onProgress: (event) => events.push(event) },
    )
    assert.equal(fetched.digest, digestOf(data))
    assert.ok((await readFile(store.blobs.path(fetched.digest))).equals(data))
    assert.equal((await stat(store.blobs.path(fetched.digest))).mode & 0o777, 0o444)
    await store.blobs.ensureIntact({ digest: fetched.digest, size: data.length })
    const moved = events.reduce((sum, event) => sum + (event.kind === 'bytes' ? event.count : 0), 0)
    assert.equal(moved, data.length)
    assert.deepEqual(events[0], { kind: 'start', step: 'download', item: name, total: data.length })
    assert.equal(events.at(-1)?.kind, 'done')
    assert.deepEqual(await partialsOf(store), [])
    assert.deepEqual((await store.verify()).problems, [])
  })
}

test('each byte is asked for once, by several at a time', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const content = elsewhere(LARGE)
  await fetchBlob({ store, session }, { item: 'x', content, identity: 'x' })
  assert.ok(content.asked.length > 4)
  assert.equal(content.given(), LARGE.length)
})

test('what the store has is not fetched: known by its digest, or by what was fetched before', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  for (const data of [LARGE, SMALL]) {
    const digest = digestOf(data)
    await fetchBlob({ store, session }, { item: 'x', content: elsewhere(data), identity: `${data.length}` })
    for (const how of [{ identity: `${data.length}` }, { identity: 'another', digest }]) {
      const content = elsewhere(data)
      const again = await fetchBlob({ store, session }, { item: 'x', content, ...how })
      assert.deepEqual(again, { digest, size: data.length, existed: true })
      assert.deepEqual(content.asked, [])
    }
  }
})

test('a failure leaves what has arrived, and the next call takes it up', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const failing = elsewhere(LARGE, () => {
    if (failing.given() > 25 * MIB) throw new BallastError('REMOTE', 'the server is gone')
  })
  await assert.rejects(
    fetchBlob({ store, session }, { item: 'x', content: failing, identity: 'x' }),
    (error) => isBallastError(error, 'REMOTE') && error.message === 'the server is gone',
  )
  assert.equal((await partialsOf(store)).length, 1)
  const rest = elsewhere(LARGE)
  const { digest } = await fetchBlob({ store, session }, { item: 'x', content: rest, identity: 'x' })
  assert.equal(digest, digestOf(LARGE))
  // What a lane had in hand when another one failed is not lost either, but for a piece.
  assert.ok(failing.given() + rest.given() <= LARGE.length + 16 * PIECE)
  assert.deepEqual(await partialsOf(store), [])
})

test('reads that break off are taken up where they stopped', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  for (const data of [LARGE, SMALL]) {
    let pieces = 0
    const content = elsewhere(data, () => {
      if (++pieces % 4 === 0) throw broken()
    })
    const { digest } = await fetchBlob(
      { store, session },
      { item: 'x', content, identity: `${data.length}` },
      { retryDelays: Array.from({ length: 50 }, () => 1), lanes: createLanes() },
    )
    assert.equal(digest, digestOf(data))
    assert.equal(content.given(), data.length)
  }
})

test('what stays broken is told once the waits are used up', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const content = elsewhere(LARGE, () => {
    throw broken()
  })
  const options = { retryDelays: [1, 1], lanes: createLanes({ start: 1, most: 1 }) }
  await assert.rejects(
    fetchBlob({ store, session }, { item: 'x', content, identity: 'x' }, options),
    (error) => isBallastError(error, 'REMOTE'),
  )
  assert.ok(content.asked.length < 6)
})

for (const code of ['REFUSED', 'DAMAGED'] as const) {
  test(`after ${code}, the next call begins anew`, async (t) => {
    const store = await temporaryStore(t)
    await using session = await store.begin()
    const content = elsewhere(LARGE, () => {
      if (content.given() > 20 * MIB) throw new BallastError(code, 'another content')
    })
    await assert.rejects(fetchBlob({ store, session }, { item: 'x', content, identity: 'x' }), (error) =>
      isBallastError(error, code),
    )
    assert.deepEqual(await partialsOf(store), [])
    assert.deepEqual(await store.blobs.list(), [])
  })
}

for (const algorithm of ['sha256', 'sha1', 'md5', 'crc32c', 'crc64nvme'] as const) {
  test(`bytes of another ${algorithm} are refused and leave nothing behind; those of the right one are taken`, async (t) => {
    const store = await temporaryStore(t)
    await using session = await store.begin()
    for (const data of [LARGE, SMALL]) {
      const summer = createChecksummer(algorithm)
      summer.update(data)
      const checksums = [{ algorithm, value: summer.value() }]
      const other = Buffer.from(data)
      other[data.length >> 1] = (other[data.length >> 1] ?? 0) ^ 1
      for (const ranges of [true, false]) {
        const request = { item: 'weights.bin', identity: `${data.length}`, checksums, ranges }
        await assert.rejects(
          fetchBlob({ store, session }, { ...request, content: elsewhere(other) }),
          (error) => isBallastError(error, 'DAMAGED') && error.message.includes('weights.bin'),
        )
        assert.deepEqual(await store.blobs.list(), [])
      }
      const request = { item: 'weights.bin', identity: `${data.length}`, checksums }
      const { digest } = await fetchBlob({ store, session }, { ...request, content: elsewhere(data) })
      assert.equal(digest, digestOf(data))
      await store.blobs.remove(digest)
    }
    assert.deepEqual(await partialsOf(store), [])
  })
}

test('a content that can only be read from its beginning is read once, in one piece', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const content = elsewhere(LARGE)
  await fetchBlob({ store, session }, { item: 'x', content, identity: 'x', ranges: false })
  assert.deepEqual(content.asked, [{ offset: 0, length: LARGE.length }])
})

test('two calls for one content: it is fetched once', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  await using other = await store.begin()
  const content = elsewhere(LARGE)
  const request = { item: 'x', content, identity: 'x' }
  const both = await Promise.all([session, other].map((session) => fetchBlob({ store, session }, request)))
  assert.deepEqual(both.map(({ existed }) => existed).sort(), [false, true])
  assert.equal(content.given(), LARGE.length)
  assert.deepEqual(await partialsOf(store), [])
})

test('an abort ends it at once and keeps what has arrived', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const stop = new AbortController()
  const content = elsewhere(LARGE, () => {
    if (content.given() > 20 * MIB) stop.abort()
  })
  await assert.rejects(
    fetchBlob({ store, session }, { item: 'x', content, identity: 'x' }, { signal: stop.signal }),
    (error) => isBallastError(error, 'INTERRUPTED'),
  )
  const rest = elsewhere(LARGE)
  await fetchBlob({ store, session }, { item: 'x', content: rest, identity: 'x' })
  assert.ok(rest.given() < LARGE.length - 18 * MIB)
})

test('gc removes what nobody takes up again, and nothing that somebody fetches', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const stop = new AbortController()
  const content = elsewhere(LARGE, () => {
    if (content.given() > 20 * MIB) stop.abort()
  })
  await assert.rejects(
    fetchBlob({ store, session }, { item: 'x', content, identity: 'x' }, { signal: stop.signal }),
  )
  assert.equal((await store.gc()).partials, 0)
  const report = await store.gc({ partials: true, dryRun: true })
  assert.equal(report.partials, 1)
  assert.ok(report.partialBytes >= 19 * MIB)
  assert.equal((await store.gc({ partials: true })).partials, 1)
  assert.deepEqual(await partialsOf(store), [])

  let swept: Promise<unknown> | undefined
  const held = elsewhere(LARGE, () => {
    if (held.given() > 20 * MIB) swept ??= store.gc({ partials: true })
  })
  const fetching = fetchBlob({ store, session }, { item: 'x', content: held, identity: 'x' })
  assert.equal((await fetching).digest, `sha256:${createHash('sha256').update(LARGE).digest('hex')}`)
  assert.equal(((await swept) as { partials: number }).partials, 0)
})

test('bytesContent is a content like any other', async (t) => {
  const store = await temporaryStore(t)
  await using session = await store.begin()
  const { digest } = await fetchBlob(
    { store, session },
    { item: 'x', content: bytesContent(LARGE), identity: 'x' },
  )
  assert.equal(digest, digestOf(LARGE))
})
