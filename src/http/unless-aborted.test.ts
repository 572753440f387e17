import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { unlessAborted } from './unless-aborted.ts'

test('work of others is not waited for once the signal is aborted, however early that was', async () => {
  const stop = new AbortController()
  const others = sleep(60_000, 'too late', { ref: false })
  const waiting = unlessAborted(others, stop.signal)
  stop.abort()
  await assert.rejects(waiting, { code: 'INTERRUPTED' })
  await assert.rejects(unlessAborted(others, stop.signal), { code: 'INTERRUPTED' })
  assert.equal(await unlessAborted(sleep(1, 'in time'), new AbortController().signal), 'in time')
})
