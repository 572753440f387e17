import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitRate, type Point, secondsOf } from './fit.ts'
import type { Rate } from './rates.ts'

const MIB = 2 ** 20
const REFERENCE: Rate = { fixed: 0.3, perByte: 10 / 2 ** 30 }

const seconds = fc.double({ min: 0.001, max: 10_000, noNaN: true })
const points = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 2 ** 40 }), seconds }), {
  minLength: 1,
  maxLength: 20,
})
/** Ten sizes that tell what is fixed from what goes with the bytes. */
const SIZES = [40, 80, 120, 200, 320, 500, 800, 1300, 2000, 3000].map((size) => size * MIB)
const rates = fc.record({
  fixed: fc.double({ min: 0, max: 20, noNaN: true }),
  perByte: fc.double({ min: 1e-11, max: 1e-6, noNaN: true }),
})

function onLine(rate: Rate, sizes: readonly number[] = SIZES): readonly Point[] {
  return sizes.map((bytes) => ({ bytes, seconds: secondsOf(rate, bytes) }))
}

function assertAlike(found: Rate, expected: Rate): void {
  for (const bytes of SIZES) {
    const [one, other] = [secondsOf(found, bytes), secondsOf(expected, bytes)]
    assert.ok(Math.abs(one - other) <= 1e-6 * other, `${one} s instead of ${other} s for ${bytes} bytes`)
  }
}

test('neither part is ever negative or no number', () => {
  fc.assert(
    fc.property(points, (seen) => {
      const { fixed, perByte } = fitRate(seen, REFERENCE)
      assert.ok(fixed >= 0 && Number.isFinite(fixed), `${fixed}`)
      assert.ok(perByte >= 0 && Number.isFinite(perByte), `${perByte}`)
    }),
  )
})

test('times that lie on a line give that line', () => {
  fc.assert(fc.property(rates, (rate) => assertAlike(fitRate(onLine(rate), REFERENCE), rate)))
})

test('of three runs of each size one may be spoilt, and nothing changes', () => {
  const factors = fc.array(fc.double({ min: 1.1, max: 50, noNaN: true }), {
    minLength: SIZES.length,
    maxLength: SIZES.length,
  })
  fc.assert(
    fc.property(rates, factors, (rate, times) => {
      const sound = onLine(rate)
      const spoilt = sound.map((point, at) => ({ ...point, seconds: point.seconds * (times[at] as number) }))
      assertAlike(fitRate([...spoilt, ...sound, ...sound], REFERENCE), rate)
    }),
  )
})

test('the order of the points does not matter for what they lie on', () => {
  fc.assert(
    fc.property(rates, fc.shuffledSubarray([...SIZES], { minLength: 3 }), (rate, sizes) => {
      if (Math.max(...sizes) <= 2 * Math.min(...sizes)) return
      assertAlike(fitRate(onLine(rate, sizes), REFERENCE), rate)
    }),
  )
})

test('of one size alone: a slower machine has the fixed cost of the reference, a faster one less of both', () => {
  const bytes = 1024 * MIB
  const expected = secondsOf(REFERENCE, bytes)
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 100, noNaN: true }), (factor) => {
      const seen = [{ bytes, seconds: expected * factor }]
      const found = fitRate(seen, REFERENCE)
      assert.ok(Math.abs(secondsOf(found, bytes) - expected * factor) < 1e-9 * expected * factor)
      const fixed = factor < 1 ? REFERENCE.fixed * factor : REFERENCE.fixed
      assert.ok(Math.abs(found.fixed - fixed) < 1e-12)
    }),
  )
})

test('sizes whose time is mostly fixed say nothing of speed', () => {
  const seen = [1, 2, 4].map((size) => ({ bytes: size * 1024, seconds: 0.01 }))
  const found = fitRate(seen, REFERENCE)
  assert.equal(found.perByte, REFERENCE.perByte)
  assert.ok(found.fixed < 0.011)
})

test('without points the reference stands', () => {
  assert.deepEqual(fitRate([], REFERENCE), REFERENCE)
})
