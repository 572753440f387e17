import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backOffMs } from './back-off.ts'

test('waits double up to the longest, and never come in step', () => {
  const backOff = { firstMs: 1000, mostMs: 60_000 }
  for (const [failures, wanted] of [
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [7, 60_000],
    [5000, 60_000],
  ] as const) {
    const waits = Array.from({ length: 50 }, () => backOffMs(failures, backOff))
    assert.ok(
      waits.every((ms) => ms >= wanted * 0.75 && ms <= wanted * 1.25),
      `${failures}: ${waits}`,
    )
    assert.ok(new Set(waits).size > 40)
  }
})
