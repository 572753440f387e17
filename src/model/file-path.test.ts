import assert from 'node:assert/strict'
import { normalize } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkFilePath } from './file-path.ts'

const SAFE = [
  'model.pkl',
  'a/b/c.bin',
  '.gitattributes',
  '.hidden/file',
  'two..dots',
  '...',
  'name with spaces',
  'größe-模型-\u{1f600}.bin',
  'e\u0301',
  'x.wh.y',
  '.ballastx',
  'C:\\windows\\style',
  '-rf',
  'a'.repeat(255),
  `${'d'.repeat(99)}/`.repeat(39) + 'x'.repeat(100),
]

const UNSAFE: readonly (readonly [string, RegExp])[] = [
  ['', /empty/],
  ['/etc/passwd', /absolute/],
  ['/', /absolute/],
  ['..', /part "\.\."/],
  ['../x', /part "\.\."/],
  ['a/../b', /part "\.\."/],
  ['a/..', /part "\.\."/],
  ['.', /part "\."/],
  ['./x', /part "\."/],
  ['a//b', /part ""/],
  ['a/', /part ""/],
  ['.ballast', /own directory/],
  ['.ballast/model.json', /own directory/],
  ['deep/.ballast/x', /own directory/],
  ['.wh.model.pkl', /delete files/],
  ['a/.wh..wh..opq', /delete files/],
  ['a\nb', /control character/],
  ['a\u0000b', /control character/],
  ['\u001b[31mred', /control character/],
  ['\u007f', /\\u007f": it has a control character/],
  ['\u009b31mred', /\\u009b31mred": it has a control character/],
  ['\ud800', /UTF-8/],
  ['broken\ufffdname', /UTF-8/],
  ['a'.repeat(256), /255 bytes/],
  ['ä'.repeat(128), /255 bytes/],
  [`${'d'.repeat(100)}/`.repeat(40), /4000 bytes/],
]

for (const path of SAFE) {
  test(`${shown(path)} may be a model's file`, () => {
    assert.equal(checkFilePath(path), path)
  })
}

for (const [path, reason] of UNSAFE) {
  test(`${shown(path)} may not be a model's file`, () => {
    assert.throws(() => checkFilePath(path), { code: 'REFUSED', message: reason })
  })
}

test('no path that is let through leads out of the directory it is joined to', () => {
  const parts = fc.oneof(fc.string(), fc.constantFrom('.', '..', '', '/', '.ballast', 'a'))
  fc.assert(
    fc.property(
      fc.array(parts, { maxLength: 6 }).map((list) => list.join('/')),
      (path) => {
        try {
          checkFilePath(path)
        } catch {
          return
        }
        const joined = normalize(`/root/${path}`)
        assert.equal(joined, `/root/${path}`)
        assert.ok(joined.startsWith('/root/') && !joined.startsWith('/root/.ballast/'))
      },
    ),
  )
})

function shown(path: string): string {
  return JSON.stringify(path.length > 40 ? `${path.slice(0, 40)}… (${path.length})` : path)
}
