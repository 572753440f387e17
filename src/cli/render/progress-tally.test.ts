import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Progress, Step } from '../../core/index.ts'
import { createTally, type StepStanding, type Tally } from './progress-tally.ts'

const MiB = 1024 * 1024

test('what is planned is the total, and what is resumed, skipped or linked makes it right again', () => {
  const { tally, tell } = begin()
  for (const item of ['a', 'b', 'c', 'd']) tell({ kind: 'plan', item, total: 10 })
  assert.deepEqual(figures(tally), { done: 0, total: 40, mayGrow: false, items: { done: 0, total: 4 } })
  tell(
    { kind: 'start', item: 'a', total: 4 },
    { kind: 'bytes', item: 'a', count: 4 },
    { kind: 'done', item: 'a' },
  )
  tell({ kind: 'skip', item: 'b', because: 'exists' })
  tell({ kind: 'start', item: 'c', total: 10 }, { kind: 'done', item: 'c' })
  assert.deepEqual(figures(tally), { done: 14, total: 24, mayGrow: false, items: { done: 2, total: 3 } })
})

test('without a plan more may be found', () => {
  const { tally, tell } = begin()
  tell({ kind: 'start', item: 'a', total: 10 })
  assert.deepEqual(figures(tally), { done: 0, total: 10, mayGrow: true, items: { done: 0, total: 1 } })
})

test('an item that begins again goes on with what it has left, and its bytes are counted once', () => {
  const { tally, tell } = begin()
  tell({ kind: 'start', item: 'a', total: 10 }, { kind: 'bytes', item: 'a', count: 6 })
  tell({ kind: 'start', item: 'a', total: 7 })
  assert.deepEqual(tally.active(0)[0]?.inFlight, [{ item: 'a', done: 3, total: 10 }])
  tell({ kind: 'bytes', item: 'a', count: 7 })
  assert.equal(tally.active(0)[0]?.done, 10)
})

test('steps count by themselves, also when they take turns', () => {
  const { tally, tell } = begin()
  tell({ kind: 'start', item: 'a', total: 10 }, { kind: 'bytes', item: 'a', count: 2 })
  tell({ kind: 'start', step: 'upload', item: 'a', total: 10 })
  tell({ kind: 'bytes', item: 'a', count: 3 }, { kind: 'bytes', step: 'upload', item: 'a', count: 1 })
  assert.deepEqual(
    tally.active(0).map(({ step, done }) => [step, done]),
    [
      ['hash', 5],
      ['upload', 1],
    ],
  )
})

test('the rate is that of the last five seconds, and falls to nothing when nothing moves', () => {
  const tally = createTally()
  const bytes = (count: number, now: number): void =>
    tally.count({ kind: 'bytes', step: 'copy', item: 'a', count }, now)
  const rate = (now: number): number | undefined => tally.active(now)[0]?.perSecond
  tally.count({ kind: 'start', step: 'copy', item: 'a', total: 1000 * MiB }, 0)
  for (let now = 1000; now <= 20_000; now += 1000) bytes(MiB, now)
  assert.equal(rate(20_000), MiB)
  for (let now = 21_000; now <= 26_000; now += 1000) bytes(4 * MiB, now)
  assert.equal(rate(26_000), 4 * MiB)
  assert.equal(rate(31_000), 0)
  assert.equal(tally.active(31_000)[0]?.idle, 5000)
})

type Told = Progress extends infer One
  ? One extends Progress
    ? Omit<One, 'step'> & { step?: Step }
    : never
  : never

function begin(): { readonly tally: Tally; readonly tell: (...events: readonly Told[]) => void } {
  const tally = createTally()
  const tell = (...events: readonly Told[]): void => {
    for (const event of events) tally.count({ step: 'hash', ...event } as Progress, 0)
  }
  return { tally, tell }
}

function figures(tally: Tally): Pick<StepStanding, 'done' | 'total' | 'mayGrow' | 'items'> | undefined {
  const standing = tally.all(0)[0]
  if (standing === undefined) return undefined
  const { done, total, mayGrow, items } = standing
  return { done, total, mayGrow, items }
}
