import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '../../test/fixtures/random.ts'
import { digestOf } from './digest.ts'
import { verifiedBeside } from './verified-beside.ts'

const LARGE = 20 * 1024 * 1024
const PIECE = 1024 * 1024

for (const size of [1000, LARGE, LARGE + 17]) {
  test(`${size} bytes that are as expected pass, in their order`, async () => {
    const data = createRandom(`${size}`).bytes(size)
    const parts: Buffer[] = []
    for await (const chunk of verifiedBeside(pieces(data), { digest: digestOf(data), size }))
      parts.push(Buffer.from(chunk))
    assert.equal(digestOf(Buffer.concat(parts)), digestOf(data))
  })

  test(`${size} bytes of which one bit is wrong, or that are too few or too many, are refused`, async () => {
    const data = createRandom(`${size}`).bytes(size)
    const expected = { digest: digestOf(data), size }
    const flipped = Buffer.from(data)
    flipped[size >> 1] = (flipped[size >> 1] ?? 0) ^ 1
    for (const [wrong, why] of [
      [flipped, /the bytes found have digest/],
      [data.subarray(1), /bytes expected, \d+ found/],
      [Buffer.concat([data, Buffer.from('!')]), /more found/],
    ] as const) {
      const reading = (async () => {
        for await (const _ of verifiedBeside(pieces(wrong), expected, 'the file'));
      })()
      await assert.rejects(reading, { code: 'DAMAGED', message: why })
    }
  })
}

test('a reader that stops early, or a source that fails, leaves the thread free for others', async () => {
  const data = createRandom('early').bytes(LARGE)
  const expected = { digest: digestOf(data), size: LARGE }
  for (let turn = 0; turn < 5; turn++) {
    for await (const _ of verifiedBeside(pieces(data), expected)) break
    const failing = (async () => {
      for await (const _ of verifiedBeside(failingAfter(data, 3), expected));
    })()
    await assert.rejects(failing, /gone/)
  }
  let size = 0
  for await (const chunk of verifiedBeside(pieces(data), expected)) size += chunk.length
  assert.equal(size, LARGE)
})

test('chunks that share memory with others are left as they are', async () => {
  const data = createRandom('shared').bytes(LARGE)
  const copy = Buffer.from(data)
  async function* views(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < data.length; at += PIECE) yield data.subarray(at, at + PIECE)
  }
  for await (const _ of verifiedBeside(views(), { digest: digestOf(data), size: LARGE }));
  assert.deepEqual(data, copy)
})

/** Each in memory of its own, as a file is read. */
async function* pieces(data: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < data.length; at += PIECE) yield new Uint8Array(data.subarray(at, at + PIECE))
}

async function* failingAfter(data: Buffer, count: number): AsyncIterable<Uint8Array> {
  let left = count
  for await (const piece of pieces(data)) {
    if (left-- === 0) throw new Error('gone')
    yield piece
  }
}
