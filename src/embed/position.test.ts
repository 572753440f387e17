import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { choosePosition, expectedPulls, type PositionFacts, updatesPerMonth } from './position.ts'

const MB = 1e6
const DAY = 24 * 60 * 60_000
const NOW = Date.parse('2026-06-01T00:00:00Z')
const FACTS = {
  modelBytes: 1000 * MB,
  baseBytes: 300 * MB,
  codeBytes: 5 * MB,
  modelUpdates: 1,
  codeUpdates: 20,
  current: undefined,
}

test('a month of pulls: what changes and what lies above it', () => {
  assert.deepEqual(expectedPulls(FACTS), {
    top: 1 * 1000 * MB + 20 * 1005 * MB,
    bottom: 1 * 1300 * MB + 20 * 5 * MB,
  })
})

test('code that changes often puts the model at the bottom, a model that does leaves it on top', () => {
  const often = choosePosition(FACTS)
  assert.deepEqual([often.position, often.because], ['bottom', 'fewer bytes'])
  assert.equal(choosePosition({ ...FACTS, modelUpdates: 30, codeUpdates: 1 }).position, 'top')
  assert.equal(choosePosition({ ...FACTS, modelUpdates: 0, codeUpdates: 0 }).position, 'top')
})

test('without both rates nothing is priced: what is there stays, else the top', () => {
  for (const unknown of [{ modelUpdates: undefined }, { codeUpdates: undefined }]) {
    const expected = { because: 'no history', bytesPerMonth: undefined }
    assert.deepEqual(choosePosition({ ...FACTS, ...unknown }), { ...expected, position: 'top' })
    const there = choosePosition({ ...FACTS, ...unknown, current: 'bottom' })
    assert.deepEqual(there, { ...expected, position: 'bottom' })
  }
})

test('a move that does not pay within a month is not made', () => {
  const slow = { ...FACTS, codeUpdates: 1.2 }
  assert.equal(choosePosition(slow).position, 'bottom')
  const stays = choosePosition({ ...slow, current: 'top' })
  assert.deepEqual([stays.position, stays.because], ['top', 'a move would cost more than a month saves'])
  assert.equal(choosePosition({ ...FACTS, current: 'top' }).position, 'bottom')
})

test('the choice costs no more than the other by more than a move, and moving back at once never pays', () => {
  const size = fc.integer({ min: 0, max: 1e12 })
  const rate = fc.double({ min: 0, max: 100, noNaN: true })
  const facts: fc.Arbitrary<PositionFacts & { modelUpdates: number; codeUpdates: number }> = fc.record({
    modelBytes: size,
    baseBytes: size,
    codeBytes: size,
    modelUpdates: rate,
    codeUpdates: rate,
    current: fc.constantFrom('top', 'bottom', undefined),
  })
  fc.assert(
    fc.property(facts, (given) => {
      const { position } = choosePosition(given)
      const pulls = expectedPulls(given)
      const other = position === 'top' ? pulls.bottom : pulls.top
      const slack = given.current === undefined ? 0 : given.modelBytes + given.baseBytes
      assert.ok(pulls[position] <= other + slack)
      assert.equal(choosePosition({ ...given, current: position }).position, position)
    }),
  )
})

test('updates a month: the first time is the beginning; a short history, a future one and none tell nothing', () => {
  const days = (...ago: readonly number[]): number | undefined =>
    updatesPerMonth(
      ago.map((day) => NOW - day * DAY),
      NOW,
    )
  assert.equal(days(60, 45, 30, 15), 1.5)
  assert.equal(days(15, 60, 15, 60, 30, 45), 1.5)
  assert.equal(days(90), 0)
  assert.equal(days(6.9, 3, 1), undefined)
  assert.equal(days(), undefined)
  assert.equal(days(-3), undefined)
  assert.equal(days(30, -3), 0)
})
