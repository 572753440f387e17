import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cheapestAlong } from './envelope.ts'

test('segments begin and end where lines cross', () => {
  const lines = [
    { way: 'steep', constant: 0, slope: 2 },
    { way: 'flat', constant: 6, slope: 0 },
    { way: 'middle', constant: 2, slope: 1 },
  ]
  assert.deepEqual(cheapestAlong(lines, 0, 10), [
    { from: 0, to: 2, way: 'steep' },
    { from: 2, to: 4, way: 'middle' },
    { from: 4, to: 10, way: 'flat' },
  ])
})

test('of ways that always cost the same the first counts', () => {
  const same = ['a', 'b'].map((way) => ({ way, constant: 1, slope: 1 }))
  assert.deepEqual(cheapestAlong(same, 0, 5), [{ from: 0, to: 5, way: 'a' }])
})

test('inside of each segment no way is cheaper than its own', () => {
  const line = fc.record({
    constant: fc.double({ min: 0, max: 1e4, noNaN: true }),
    slope: fc.double({ min: 0, max: 1e3, noNaN: true }),
  })
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 7 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (some, at) => {
        const lines = some.map((one, way) => ({ ...one, way }))
        const segments = cheapestAlong(lines, 0, 100)
        assert.equal(segments[0]?.from, 0)
        assert.equal(segments.at(-1)?.to, 100)
        for (const [index, { from, to, way }] of segments.entries()) {
          assert.ok(from < to)
          if (index > 0) assert.equal(segments[index - 1]?.to, from)
          const x = from + at * (to - from)
          const costs = lines.map(({ constant, slope }) => constant + slope * x)
          const own = costs[way] ?? Number.NaN
          assert.ok(own <= Math.min(...costs) + 1e-6 * (1 + own))
        }
      },
    ),
  )
})
