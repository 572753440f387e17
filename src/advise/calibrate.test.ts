import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { calibrate, type Observation } from './calibrate.ts'
import { secondsOf } from './fit.ts'
import { REFERENCE_RATES, STEP_NAMES, type Step } from './rates.ts'

const MIB = 2 ** 20
const SIZES = [64, 128, 256, 512, 1024].map((size) => size * MIB)
/** Steps in which bytes count. */
const MOVING = STEP_NAMES.filter((step) => REFERENCE_RATES[step].perByte > 0)

/** What a machine would show that is so many times slower than the reference; `noise` by observation. */
function seen(
  steps: readonly Step[],
  factor: number,
  noise: (at: number) => number = () => 1,
): readonly Observation[] {
  return steps.flatMap((step) =>
    SIZES.map((bytes, at) => ({
      step,
      bytes,
      seconds: secondsOf(REFERENCE_RATES[step], bytes) * factor * noise(at),
    })),
  )
}

const anything = fc.array(
  fc.record({
    step: fc.constantFrom(...STEP_NAMES),
    bytes: fc.oneof(fc.integer({ min: 0, max: 2 ** 40 }), fc.constantFrom(Number.NaN, -1)),
    seconds: fc.oneof(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), fc.constantFrom(0, -1, Infinity)),
    overNetwork: fc.boolean(),
  }),
  { maxLength: 40 },
)

test('whatever was seen, rates are figures and ranges hold their value', () => {
  fc.assert(
    fc.property(anything, (observations) => {
      const { rates, machine, uplinkPerByte, linkPerByte } = calibrate(observations)
      for (const step of STEP_NAMES) {
        assert.ok(rates[step].fixed >= 0 && Number.isFinite(rates[step].fixed), step)
        assert.ok(rates[step].perByte >= 0 && Number.isFinite(rates[step].perByte), step)
      }
      for (const { low, value, high } of [machine, uplinkPerByte ?? machine, linkPerByte ?? machine]) {
        assert.ok(
          0 <= low && low <= value && value <= high && Number.isFinite(high),
          `${low} ${value} ${high}`,
        )
      }
    }),
  )
})

test('nothing seen: the reference, and what is assumed of any machine', () => {
  const { rates, machine, observed } = calibrate([])
  assert.deepEqual(rates, REFERENCE_RATES)
  assert.deepEqual([machine.low, machine.value, machine.high, machine.origin], [0.5, 1, 2, 'assumed'])
  assert.deepEqual(observed, [])
})

test('a machine that is as many times slower in every step is found, whichever steps were seen', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      fc.subarray([...MOVING], { minLength: 1 }),
      (factor, steps) => {
        const { rates, observed } = calibrate(seen(steps, factor))
        assert.deepEqual([...observed].sort(), [...steps].sort())
        for (const step of STEP_NAMES) {
          const expected = secondsOf(REFERENCE_RATES[step], 2 ** 30) * factor
          assert.ok(Math.abs(secondsOf(rates[step], 2 ** 30) / expected - 1) < 1e-6, step)
        }
      },
    ),
  )
})

test('times that differ more make the range wider, never narrower', () => {
  const widths = [0, 0.1, 0.3, 0.6].map((share) => {
    const { machine } = calibrate(seen(MOVING, 1, (at) => 1 + (share * (at % 2 === 0 ? at : -at)) / 4))
    return machine.high / machine.low
  })
  assert.deepEqual(
    widths,
    [...widths].sort((a, b) => a - b),
  )
  assert.ok((widths[3] as number) > 1.5 * (widths[0] as number))
})

test('a range is measured once anything was seen, and never as narrow as what is known for certain', () => {
  const { machine } = calibrate(seen(STEP_NAMES, 1))
  assert.equal(machine.origin, 'measured')
  assert.ok(machine.low < 1 && machine.high > 1)
})

test('few observations are no better than the assumption', () => {
  const { machine } = calibrate([{ step: 'hash', bytes: 512 * MIB, seconds: 1 }])
  assert.ok(machine.low <= 0.5 && machine.high >= 2)
})

test('steps that were not seen make the range as wide as those that were lie apart, unless they do not matter', () => {
  const observations = [...seen(['hash', 'deliver'], 1), ...seen(['upload'], 4), ...seen(['pull'], 1)]
  assert.ok(calibrate(observations).machine.high >= 4)
  const needed: readonly Step[] = ['hash', 'deliver', 'upload', 'pull']
  assert.ok(calibrate(observations, { needed }).machine.high < 1.2)
})

test('only the newest observations of a step count', () => {
  const older = Array.from({ length: 10 }, () => seen(['hash'], 10)).flat()
  const newer = Array.from({ length: 6 }, () => seen(['hash'], 1)).flat()
  const { rates } = calibrate([...older, ...newer])
  assert.ok(Math.abs(rates.hash.perByte / REFERENCE_RATES.hash.perByte - 1) < 1e-6)
})

test('times over a network tell of the network and leave the machine alone', () => {
  const perByte = 8 / 200e6
  const away = SIZES.map((bytes) => ({
    step: 'upload' as const,
    bytes,
    seconds: secondsOf(REFERENCE_RATES.upload, bytes) + perByte * bytes,
    overNetwork: true,
  }))
  const { rates, uplinkPerByte, linkPerByte } = calibrate(away)
  assert.deepEqual(rates, REFERENCE_RATES)
  assert.equal(linkPerByte, undefined)
  assert.ok(uplinkPerByte !== undefined && Math.abs(uplinkPerByte.value / perByte - 1) < 1e-9)
  assert.equal(uplinkPerByte.origin, 'measured')
})
