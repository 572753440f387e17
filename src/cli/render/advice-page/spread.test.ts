import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rowsOf, spread, textWidth } from './spread.ts'

test('labels are a gap apart, within their bounds and in their order, and stay where they have room', () => {
  const wanted = fc.array(fc.double({ min: -50, max: 250, noNaN: true }), { maxLength: 10 })
  fc.assert(
    fc.property(wanted, (places) => {
      const bounds = { gap: 15, low: 0, high: 200 }
      const placed = spread(places, bounds)
      const order = places
        .map((at, index) => ({ at, index }))
        .sort((a, b) => a.at - b.at || a.index - b.index)
      const sorted = order.map(({ index }) => placed[index] ?? Number.NaN)
      for (const [index, place] of sorted.entries()) {
        assert.ok(place >= -1e-9 && place <= 200 + 1e-9, `${place}`)
        assert.ok(index === 0 || place - (sorted[index - 1] ?? 0) >= 15 - 1e-9)
      }
    }),
  )
  assert.deepEqual(spread([100, 20, 60], { gap: 15, low: 0, high: 200 }), [100, 20, 60])
})

test('labels in a row do not touch, and stay between the sides', () => {
  const labels = fc.array(
    fc.record({
      x: fc.double({ min: -20, max: 350, noNaN: true }),
      text: fc.string({ minLength: 1, maxLength: 10 }),
    }),
  )
  fc.assert(
    fc.property(labels, (wanted) => {
      const placed = rowsOf(wanted, { size: 12, low: 0, high: 330 })
      assert.equal(placed.length, wanted.length)
      for (const [index, one] of placed.entries()) {
        const half = textWidth(one.text, 12) / 2
        assert.ok(one.x - half >= -1e-9 && one.x + half <= 330 + 1e-9)
        for (const other of placed.slice(index + 1).filter(({ row }) => row === one.row)) {
          assert.ok(Math.abs(other.x - one.x) >= half + textWidth(other.text, 12) / 2)
        }
      }
    }),
  )
})
