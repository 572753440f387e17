import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { compareBytes, forEachLimited } from './lists.ts'

test('every item is worked on once, and never more at once than the limit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(30), fc.integer({ min: 1, max: 8 }), async (length, limit) => {
      const seen: number[] = []
      let running = 0
      let most = 0
      await forEachLimited(
        Array.from({ length }, (_, at) => at),
        limit,
        async (item) => {
          most = Math.max(most, ++running)
          await Promise.resolve()
          seen.push(item)
          running--
        },
      )
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length }, (_, at) => at),
      )
      assert.ok(most <= limit)
    }),
  )
})

test('a failure aborts what still runs, and so does the signal from outside', async () => {
  const failing = forEachLimited([0, 1], 2, async (item, signal) => {
    if (item === 1) throw new Error('the second failed')
    await sleep(60_000, undefined, { signal })
  })
  await assert.rejects(failing, /the second failed/)
  const outside = AbortSignal.abort(new Error('stopped'))
  await assert.rejects(forEachLimited([0], 1, (_, signal) => sleep(60_000, undefined, { signal }), outside))
})

test('the first failure keeps the rest from starting', async () => {
  const started: number[] = []
  const failing = forEachLimited([0, 1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item)
    if (item === 1) throw new Error('the second failed')
    await sleep(20)
  })
  await assert.rejects(failing, /the second failed/)
  assert.deepEqual(started, [0, 1])
})

test('nothing runs any more when the failure is thrown', async () => {
  let finished = false
  const failing = forEachLimited(['slow', 'failing'], 2, async (item) => {
    if (item === 'failing') throw new Error('failed')
    await sleep(20)
    finished = true
  })
  await assert.rejects(failing, /failed/)
  assert.equal(finished, true)
})

test('strings are ordered by their UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Math.sign(Buffer.from(a).compare(Buffer.from(b))))
    }),
  )
  // UTF-16 has them the other way round: the surrogates of U+1F600 are below U+FF5E.
  assert.ok(compareBytes('\u{1f600}', '\uff5e') > 0)
  assert.ok('\u{1f600}' < '\uff5e')
})
