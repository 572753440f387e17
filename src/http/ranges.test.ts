import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatContentRange, formatRange, parseContentRange, parseRange } from './ranges.ts'

const SIZE = 3000

const CASES: readonly (readonly [string | undefined, ReturnType<typeof parseRange>])[] = [
  [undefined, 'whole'],
  ['', 'whole'],
  ['bytes=500-1499', { offset: 500, length: 1000 }],
  ['bytes=500-', { offset: 500, length: 2500 }],
  ['bytes=-500', { offset: 2500, length: 500 }],
  ['bytes=-5000', { offset: 0, length: 3000 }],
  ['bytes=2000-5000', { offset: 2000, length: 1000 }],
  ['bytes=0-0', { offset: 0, length: 1 }],
  ['bytes=500-0', 'unsatisfiable'],
  ['bytes=3000-', 'unsatisfiable'],
  ['bytes=5000-10000', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=-', 'whole'],
  ['bytes=1-2,5-6', 'whole'],
  ['items=1-2', 'whole'],
  ['bytes=a-b', 'whole'],
]

for (const [header, expected] of CASES) {
  test(`Range: ${header} of ${SIZE} bytes`, () => assert.deepEqual(parseRange(header, SIZE), expected))
}

test('nothing of an empty blob can be asked for', () => {
  assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable')
  assert.equal(parseRange('bytes=-1', 0), 'unsatisfiable')
})

test('what is formatted is parsed again', () => {
  const ranges = fc.tuple(fc.nat(1e6), fc.integer({ min: 1, max: 1e6 }))
  fc.assert(
    fc.property(ranges, ([offset, length]) => {
      const range = { offset, length }
      assert.deepEqual(parseRange(formatRange(range), 2e6 + 1), range)
      assert.deepEqual(parseContentRange(formatContentRange(range, 2e6 + 1)), range)
    }),
  )
})
