import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transferUnderFaults } from './transfers.ts'

/** `bench/transfer-faults.ts` does as many as wanted. */
const COUNT = 12

test('pushes, pulls and copies through a registry that fails at random end right or say what is wrong', async (t) => {
  const seed = process.env.BALLAST_SEED ?? `${Date.now() % 2 ** 31}`
  t.diagnostic(`BALLAST_SEED=${seed}`)
  const { done, failed, sentAgain } = await transferUnderFaults({ count: COUNT, seed })
  t.diagnostic(`${done} ended right, ${failed} in words, ${(sentAgain * 100).toFixed(1)} % sent again`)
  assert.equal(done + failed, COUNT)
})
