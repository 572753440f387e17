import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { createBandwidth } from './bandwidth.ts'

test('what is let through takes at least the time that it would take on such a link', async () => {
  const bandwidth = createBandwidth(1_000_000)
  const since = performance.now()
  await Promise.all(Array.from({ length: 5 }, () => bandwidth.take(100_000)))
  await bandwidth.take(1)
  // The first tenth of a second may be a burst.
  assert.ok(performance.now() - since >= 390)
})

test('who waits can be stopped', async () => {
  const bandwidth = createBandwidth(1)
  await bandwidth.take(1_000_000)
  await assert.rejects(bandwidth.take(1, AbortSignal.timeout(10)), (error) =>
    isBallastError(error, 'INTERRUPTED'),
  )
})
