import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createBufferPool } from './buffer-pool.ts'

test('memory is set aside up to the count, of the size, and can be shared with threads', async () => {
  const pool = createBufferPool({ count: 3, size: 64 })
  const taken = [await pool.take(), await pool.take(), await pool.take()]
  assert.equal(new Set(taken).size, 3)
  for (const buffer of taken) {
    assert.equal(buffer.length, pool.size)
    assert.ok(buffer.buffer instanceof SharedArrayBuffer)
  }
})

test('what is given back is taken again, and nothing new is made for it', async () => {
  const pool = createBufferPool({ count: 3, size: 8 })
  const first = await pool.take()
  for (let turn = 0; turn < 10; turn++) {
    const buffer = await pool.take()
    pool.give(buffer)
    assert.notEqual(buffer, first)
  }
  pool.give(first)
  const known = new Set([await pool.take(), await pool.take()])
  assert.ok(known.has(first))
  assert.equal(known.size, 2)
})

test('whoever finds none waits until one is given, in the order of asking', async () => {
  const pool = createBufferPool({ count: 2, size: 8 })
  const [a, b] = [await pool.take(), await pool.take()]
  const order: string[] = []
  const waiting = ['first', 'second', 'third'].map(async (who) => {
    const buffer = await pool.take()
    order.push(who)
    return buffer
  })
  await nextTurn()
  assert.deepEqual(order, [])
  pool.give(a)
  await nextTurn()
  assert.deepEqual(order, ['first'])
  pool.give(b)
  pool.give(a)
  assert.deepEqual(await Promise.all(waiting), [a, b, a])
  assert.deepEqual(order, ['first', 'second', 'third'])
})
