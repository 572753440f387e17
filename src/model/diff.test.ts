import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../core/index.ts'
import { diffVersions } from './diff.ts'
import type { Version } from './version.ts'

test('added, removed and changed files are told with their sizes, and the rest is counted', () => {
  const from = version({ kept: 'same', changed: 'old', gone: 'gone' })
  const to = version({ kept: 'same', changed: 'newer', fresh: 'fresh!' })
  assert.deepEqual(diffVersions(from, to), {
    changes: [
      { path: 'changed', change: 'changed', before: 3, after: 5 },
      { path: 'fresh', change: 'added', before: 0, after: 6 },
      { path: 'gone', change: 'removed', before: 4, after: 0 },
    ],
    same: 1,
    newBytes: 11,
  })
})

test('a file that was only renamed brings no new bytes, and one that is there twice is counted once', () => {
  const { newBytes } = diffVersions(version({ a: 'weights' }), version({ b: 'weights', c: 'new', d: 'new' }))
  assert.equal(newBytes, 3)
})

test('a version does not differ from itself, and a difference is the same from both sides', () => {
  const files = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('1', '22', '333'))
  fc.assert(
    fc.property(files, files, (a, b) => {
      assert.deepEqual(diffVersions(version(a), version(a)).changes, [])
      const there = diffVersions(version(a), version(b))
      const back = diffVersions(version(b), version(a))
      assert.equal(there.same, back.same)
      assert.deepEqual(
        there.changes.map(({ path, before, after }) => ({ path, before, after })),
        back.changes.map(({ path, before, after }) => ({ path, before: after, after: before })),
      )
    }),
  )
})

function version(contents: Readonly<Record<string, string>>): Version {
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    digest: digestOf(text),
    size: text.length,
  }))
  return { digest: digestOf(JSON.stringify(contents)), files }
}
