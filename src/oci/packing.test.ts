import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, digestOf } from '../core/index.ts'
import type { ModelFile } from '../model/index.ts'
import { LARGE_FILE, LARGEST_SMALL_LAYER, MOST_LARGE_LAYERS, modelLayers, packFiles } from './packing.ts'

const MIB = 1024 * 1024

test('every file is in exactly one group, whatever the order of the input', () => {
  fc.assert(
    fc.property(anyFiles(), fc.infiniteStream(fc.nat()), (files, random) => {
      const groups = packFiles(files)
      const packed = groups.flat().map((file) => file.path)
      assert.deepEqual([...packed].sort(compareBytes), files.map((file) => file.path).sort(compareBytes))
      const shuffled = files
        .map((file) => ({ file, key: random.next().value }))
        .sort((a, b) => a.key - b.key)
        .map(({ file }) => file)
      assert.deepEqual(packFiles(shuffled), groups)
      for (const group of groups) {
        assert.ok(group.length > 0)
        assert.equal(new Set(group.map((file) => file.size >= LARGE_FILE)).size, 1)
      }
    }),
  )
})

test('changing a small file leaves the layers of large files alone', () => {
  fc.assert(
    fc.property(anyFiles(), fc.nat(LARGE_FILE - 1), (files, size) => {
      const changed = files.map((file, at) =>
        at === 0 && file.size < LARGE_FILE ? { ...file, size, digest: digestOf(`${size}`) } : file,
      )
      const large = (list: readonly ModelFile[]): unknown =>
        packFiles(list).filter((group) => (group[0]?.size ?? 0) >= LARGE_FILE)
      assert.deepEqual(large(changed), large(files))
      assert.deepEqual(large(files.filter((file) => file.size >= LARGE_FILE)), large(files))
    }),
  )
})

test('large files stand first, one a layer, up to the limit', () => {
  const files = [
    ...range(MOST_LARGE_LAYERS).map((at) => fileOf(`w${at}`, LARGE_FILE)),
    fileOf('a', LARGE_FILE - 1),
  ]
  const groups = packFiles(files)
  assert.equal(groups.length, MOST_LARGE_LAYERS + 1)
  assert.deepEqual(groups.at(-1), [files.at(-1)])
})

test('beyond the limit large files are grouped by their path alone', () => {
  const files = range(100).map((at) => fileOf(`w${at}`, LARGE_FILE))
  const groups = packFiles(files)
  assert.ok(groups.length <= MOST_LARGE_LAYERS)
  const moved = packFiles(files.filter((file) => file.path !== 'w7'))
  const unchanged = groups.filter((group) =>
    moved.some((other) => JSON.stringify(other) === JSON.stringify(group)),
  )
  assert.equal(unchanged.length, groups.length - 1)
})

test('small files fill layers up to the limit in path order', () => {
  const files = range(9).map((at) => fileOf(`s${at}`, 60 * MIB))
  const sizes = packFiles(files).map((group) => group.length)
  assert.equal(LARGEST_SMALL_LAYER, 256 * MIB)
  assert.deepEqual(sizes, [4, 4, 1])
  assert.deepEqual(
    packFiles(range(5).map((at) => fileOf(`s${at}`, 0))).map((group) => group.length),
    [5],
  )
})

test('layers state every directory above their files, with the attributes of the base', () => {
  const files = [fileOf('sub/deep/a.bin', 1), fileOf('b.bin', LARGE_FILE)]
  const parents = [{ kind: 'directory', path: 'models', mode: 0o2775, uid: 7, gid: 8 }] as const
  const [large, small] = modelLayers({ files, directory: 'models/sentiment', parents })
  assert.deepEqual(
    large?.entries.map((entry) => entry.path),
    ['models', 'models/sentiment', 'models/sentiment/b.bin'],
  )
  assert.deepEqual(small?.entries, [
    parents[0],
    ...['models/sentiment', 'models/sentiment/sub', 'models/sentiment/sub/deep'].map((path) => ({
      kind: 'directory',
      path,
      mode: 0o755,
      uid: 0,
      gid: 0,
    })),
    { kind: 'file', path: 'models/sentiment/sub/deep/a.bin', blob: digestOf('sub/deep/a.bin'), size: 1 },
  ])
})

function anyFiles(): fc.Arbitrary<readonly ModelFile[]> {
  const size = fc.oneof(fc.nat(LARGE_FILE - 1), fc.constant(LARGE_FILE), fc.nat(10))
  const path = fc.string({
    unit: fc.constantFrom('a', 'b', '/', 'é', '\u{1f600}'),
    minLength: 1,
    maxLength: 12,
  })
  return fc
    .uniqueArray(fc.record({ path, size }), { selector: (file) => file.path, maxLength: 90 })
    .map((files) => files.map((file) => fileOf(file.path, file.size)))
}

function fileOf(path: string, size: number): ModelFile {
  return { path, size, digest: digestOf(path) }
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at)
}
