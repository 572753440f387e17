import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Question } from './decide.ts'
import { questionsOf } from './flags.ts'
import { trendOf } from './trend.ts'

const DAY = 24 * 60 * 60_000
const [GROWN] = questionsOf(
  {
    size: '60GB',
    updates: 'weekly',
    nodes: '5',
    reload: true,
    'cold-starts': '20/month',
    environment: 'production',
  },
  { known: {} },
) as [Question]

test('a model that has outgrown the former answer is a trend', () => {
  const growth = [
    { time: 0, bytes: 80e6 },
    { time: 40 * DAY, bytes: 2e9 },
    { time: 90 * DAY, bytes: 60e9 },
  ]
  const trend = trendOf(GROWN, growth)
  assert.deepEqual(
    [trend?.before, trend?.after, trend?.fromBytes, trend?.toBytes],
    ['embed', 'mount', 80e6, 60e9],
  )
  assert.ok((trend?.savedSeconds ?? 0) > 3600)
})

test('no trend: a short history, little growth, or an answer that stays', () => {
  assert.equal(trendOf(GROWN, []), undefined)
  assert.equal(
    trendOf(GROWN, [
      { time: 0, bytes: 80e6 },
      { time: 3 * DAY, bytes: 60e9 },
    ]),
    undefined,
  )
  assert.equal(
    trendOf(GROWN, [
      { time: 0, bytes: 50e9 },
      { time: 90 * DAY, bytes: 60e9 },
    ]),
    undefined,
  )
  assert.equal(
    trendOf(GROWN, [
      { time: 0, bytes: 20e9 },
      { time: 90 * DAY, bytes: 60e9 },
    ]),
    undefined,
  )
})
