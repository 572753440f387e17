import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createRandom } from '../../test/fixtures/random.ts'
import { CHUNK_SIZE } from './content.ts'
import { inLargePieces } from './large-pieces.ts'

test('the bytes stay what they are, and only the last piece is small', async () => {
  const lengths = fc.array(fc.oneof(fc.nat(2000), fc.nat(CHUNK_SIZE), fc.constant(0)), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(lengths, fc.string(), async (sizes, seed) => {
      const random = createRandom(seed)
      const chunks = sizes.map((size) => random.bytes(size))
      const pieces: Uint8Array[] = []
      for await (const piece of inLargePieces(given(chunks))) pieces.push(piece)
      assert.ok(Buffer.concat(pieces).equals(Buffer.concat(chunks)))
      for (const piece of pieces.slice(0, -1)) assert.ok(piece.length >= CHUNK_SIZE / 4)
    }),
    { numRuns: 30 },
  )
})

test('what the source fails with comes through', async () => {
  const failing = (async function* (): AsyncIterable<Uint8Array> {
    yield Buffer.from('few')
    throw new Error('gone')
  })()
  await assert.rejects(async () => {
    for await (const _ of inLargePieces(failing)) assert.fail('nothing is whole yet')
  }, /gone/)
})

async function* given(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks
}
