import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeChunks, PIECE_SIZE, takePiece } from './recycled-memory.ts'

test('memory that was given back is used again, and nobody who held it sees what is in it now', () => {
  const first = takePiece()
  first.fill(1)
  const part = first.subarray(0, 10)
  freeChunks([part])
  assert.equal(part.length, 0)
  assert.equal(first.length, 0)
  const second = takePiece()
  assert.equal(second.length, PIECE_SIZE)
  assert.equal(second[0], 1)
  // Twice is once.
  freeChunks([first, part])
  assert.equal(second.length, PIECE_SIZE)
})

test('of other memory, what is a part of something larger stays', () => {
  const [whole, larger] = [new Uint8Array(8), new Uint8Array(8)]
  freeChunks([whole, larger.subarray(1)])
  assert.deepEqual([whole.length, larger.length], [0, 8])
})
