import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Unit } from './inputs.ts'
import { readUnit } from './units.ts'

function read(text: string, unit: Unit): number {
  return readUnit(text, unit, '--x').value
}

test('figures are read as people write them', () => {
  const cases: readonly (readonly [string, Unit, number])[] = [
    ['140GB', 'bytes', 140e9],
    ['1.5 GiB', 'bytes', 1.5 * 2 ** 30],
    ['700MiB', 'bytes', 700 * 2 ** 20],
    ['12B', 'bytes', 12],
    ['weekly', 'perMonth', 30 / 7],
    ['3/day', 'perMonth', 90],
    ['Hourly', 'perMonth', 720],
    ['1/quarter', 'perMonth', 1 / 3],
    ['never', 'perMonth', 0],
    ['40', 'count', 40],
    ['10%', 'share', 0.1],
    ['0.25', 'share', 0.25],
    ['1Gbps', 'perByte', 8e-9],
    ['1 Gbit/s', 'perByte', 8e-9],
    ['100MB/s', 'perByte', 1e-8],
    ['90s', 'seconds', 90],
    ['5min', 'seconds', 300],
    ['1.5h', 'seconds', 5400],
  ]
  for (const [text, unit, expected] of cases) {
    const found = read(text, unit)
    assert.ok(Math.abs(found - expected) <= expected * 1e-12, `${text}: ${found}`)
  }
})

test('a range has the geometric mean as its value, whichever end stands first', () => {
  assert.deepEqual(readUnit('1GB..4GB', 'bytes', '--size'), { value: 2e9, range: [1e9, 4e9] })
  // A slow link is more seconds a byte.
  assert.deepEqual(readUnit('100MB/s..400MB/s', 'perByte', '--link').range, [1 / 400e6, 1 / 100e6])
  assert.equal(readUnit('1..3', 'count', '--nodes').value, 2)
  assert.deepEqual(readUnit('never..daily', 'perMonth', '--updates'), { value: 15, range: [0, 30] })
})

test('nonsense is refused with how it is written', () => {
  const cases: readonly (readonly [string, Unit])[] = [
    ['-5GB', 'bytes'],
    ['0GB', 'bytes'],
    ['5 parsecs', 'bytes'],
    ['1e400GB', 'bytes'],
    ['', 'bytes'],
    ['140', 'bytes'],
    ['5constructor', 'seconds'],
    [`${'9'.repeat(400)}s`, 'seconds'],
    [`${'9'.repeat(400)}/day`, 'perMonth'],
    ['sometimes', 'perMonth'],
    ['constructor', 'perMonth'],
    ['/day', 'perMonth'],
    ['0', 'count'],
    ['2.5', 'count'],
    ['-1', 'count'],
    ['110%', 'share'],
    ['-10%', 'share'],
    ['0Gbps', 'perByte'],
    ['fast', 'perByte'],
    ['5 fortnights', 'seconds'],
    ['1GB..2GB..3GB', 'bytes'],
    ['1GB..', 'bytes'],
  ]
  for (const [text, unit] of cases) {
    assert.throws(
      () => readUnit(text, unit, '--x'),
      (error: Error & { hint?: string; code?: string }) =>
        error.code === 'USAGE' && error.message.startsWith('--x ') && error.hint !== undefined,
      text,
    )
  }
})
