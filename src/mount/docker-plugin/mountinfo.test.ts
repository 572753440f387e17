import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountinfo } from './mountinfo.ts'

test('what is mounted is read with its device, its root and its own options, spaces included', () => {
  const text =
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n' +
    '37 35 0:51 / /my\\040models\\134x ro,nosuid - overlay ballast rw,lowerdir=a\n'
  assert.deepEqual(parseMountinfo(text), [
    { device: '98:0', root: '/mnt1', mountPoint: '/mnt2', options: ['rw', 'noatime'] },
    { device: '0:51', root: '/', mountPoint: '/my models\\x', options: ['ro', 'nosuid'] },
  ])
})
