import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatBar, showsBlocks } from './advice-bars.ts'

const share = fc.double({ min: 0, max: 1, noNaN: true })
const width = fc.integer({ min: 1, max: 120 })

/** In columns. */
function lengthOf(bar: string): number {
  const blocks = ' ▏▎▍▌▋▊▉█'
  return [...bar].reduce((sum, block) => sum + (block === '#' ? 1 : blocks.indexOf(block) / 8), 0)
}

test('a bar is as long as its share, to an eighth of a column, and what is more than nothing is seen', () => {
  fc.assert(
    fc.property(share, width, (part, columns) => {
      const length = lengthOf(formatBar(part, columns))
      assert.equal(length > 0, part > 0)
      assert.ok(length <= columns && Math.abs(length - part * columns) <= 1 / 8, `${length}`)
    }),
  )
})

test('without blocks it is ASCII, to a column', () => {
  fc.assert(
    fc.property(share, width, (part, columns) => {
      const bar = formatBar(part, columns, { ascii: true })
      assert.match(bar, /^#*$/)
      assert.ok(bar.length <= columns && Math.abs(bar.length - part * columns) <= 1)
    }),
  )
})

test('blocks are shown where the locale has them', () => {
  assert.equal(showsBlocks({ LANG: 'en_GB.UTF-8' }), true)
  assert.equal(showsBlocks({ LANG: 'en_GB.UTF-8', LC_ALL: 'C' }), false)
  assert.equal(showsBlocks({ LC_CTYPE: 'C.utf8', LC_ALL: '' }), true)
  assert.equal(showsBlocks({ LANG: 'C.UTF-8', TERM: 'dumb' }), false)
  assert.equal(showsBlocks({}), false)
})
