import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBallastError } from '../core/index.ts'
import { pathFilter } from './patterns.ts'

const PATHS = [
  'config.json',
  '.hidden',
  'a b.bin',
  'weights/part-1.bin',
  'weights/part-2.bin',
  'weights/old/part-1.bin',
  'logs/run.log',
  'logs.txt',
  'x[1].bin',
] as const

/** What each exclusion takes away, as `git check-ignore` says. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  '*.log': ['logs/run.log'],
  logs: ['logs/run.log'],
  'logs/': ['logs/run.log'],
  'config.json/': [],
  '/config.json': ['config.json'],
  'part-1.bin': ['weights/part-1.bin', 'weights/old/part-1.bin'],
  '/part-1.bin': [],
  'weights/*.bin': ['weights/part-1.bin', 'weights/part-2.bin'],
  'weights/**/*.bin': ['weights/part-1.bin', 'weights/part-2.bin', 'weights/old/part-1.bin'],
  'weights/**': ['weights/part-1.bin', 'weights/part-2.bin', 'weights/old/part-1.bin'],
  '**/old': ['weights/old/part-1.bin'],
  './weights/old': ['weights/old/part-1.bin'],
  'part-[!1].bin': ['weights/part-2.bin'],
  'part-[0-1].bin': ['weights/part-1.bin', 'weights/old/part-1.bin'],
  'part-?.bin': ['weights/part-1.bin', 'weights/part-2.bin', 'weights/old/part-1.bin'],
  '.*': ['.hidden'],
  'a b.*': ['a b.bin'],
  'x\\[1].bin': ['x[1].bin'],
  'log*.txt': ['logs.txt'],
}
for (const [pattern, expected] of Object.entries(NAMED)) {
  test(`${pattern} names ${expected.join(', ') || 'nothing'}`, () => {
    const without = pathFilter({ exclude: [pattern] })
    const only = pathFilter({ include: [pattern] })
    assert.deepEqual(
      PATHS.filter((path) => !without.takes(path)),
      expected,
    )
    assert.deepEqual(
      PATHS.filter((path) => only.takes(path)),
      expected,
    )
  })
}

test('an exclusion wins, several patterns add up, and a directory that is excluded need not be looked at', () => {
  const filter = pathFilter({ include: ['*.bin', 'config.json'], exclude: ['old/', 'x*'] })
  assert.deepEqual(PATHS.filter(filter.takes), [
    'config.json',
    'a b.bin',
    'weights/part-1.bin',
    'weights/part-2.bin',
  ])
  assert.equal(filter.leavesOut('weights/old'), true)
  assert.equal(filter.leavesOut('weights'), false)
})

for (const pattern of ['', '/', '!keep', '../x', 'a//b', '[z-a]']) {
  test(`refused: ${JSON.stringify(pattern)}`, () => {
    assert.throws(
      () => pathFilter({ include: [pattern] }),
      (error) => isBallastError(error, 'USAGE'),
    )
  })
}
