import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../core/index.ts'
import { groupFiles, LARGEST_PACK, MOST_FILES_IN_PACK, MOST_SINGLE_FILES, PACKED_BELOW } from './grouping.ts'

interface Sized {
  readonly path: string
  readonly size: number
}

test('up to 2,000 files each is a blob of its own, one more and the small ones are packed', () => {
  const files = filesOf(MOST_SINGLE_FILES, 10)
  assert.equal(files.length, 2000)
  assert.deepEqual(groupFiles(files), { single: files, packs: [] })
  const more = filesOf(2001, 10)
  assert.deepEqual(groupFiles(more), { single: [], packs: [more] })
})

test('a file of 1 MiB stays a blob of its own, a byte less and it is packed', () => {
  const files = filesOf(2001, 1)
  const edges = [
    { path: 'at', size: 1024 * 1024 },
    { path: 'below', size: 1024 * 1024 - 1 },
  ]
  const { single, packs } = groupFiles([...files, ...edges])
  assert.deepEqual(single, [edges[0]])
  assert.deepEqual(packs[0]?.[0], edges[1])
})

test('a pack of exactly 64 MiB is full, and the next byte opens another', () => {
  const half = PACKED_BELOW / 2
  const files = filesOf((2 * LARGEST_PACK) / half, half)
  const rest = filesOf(2001, 0, 'z')
  const { packs } = groupFiles([...files, ...rest])
  assert.deepEqual(packs.map(bytesOf), [LARGEST_PACK, LARGEST_PACK])
  // Files without a byte find room in a full one.
  assert.deepEqual(
    packs.map(({ length }) => length),
    [128, 128 + 2001],
  )
  const { packs: three } = groupFiles([...files, { path: 'y', size: 1 }, ...rest])
  assert.deepEqual(three.map(bytesOf), [LARGEST_PACK, LARGEST_PACK, 1])
})

test('a pack of 10,000 files is full', () => {
  const { packs } = groupFiles(filesOf(2 * MOST_FILES_IN_PACK + 1, 0))
  assert.deepEqual(
    packs.map(({ length }) => length),
    [10_000, 10_000, 1],
  )
})

test('a model of many large files has no packs', () => {
  const files = filesOf(2001, PACKED_BELOW)
  assert.deepEqual(groupFiles(files), { single: files, packs: [] })
})

test('groups depend on the files and not on their order, hold each once, in path order, and keep to the bounds', () => {
  const size = fc.oneof(
    fc.nat(3 * PACKED_BELOW),
    fc.integer({ min: PACKED_BELOW - 2, max: PACKED_BELOW + 1 }),
    fc.constant(0),
  )
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
  const odd = fc.uniqueArray(fc.record({ path: name, size }), {
    selector: ({ path }) => path,
    maxLength: 150,
  })
  fc.assert(
    fc.property(odd, fc.nat(40), fc.nat(), (some, thousands, turn) => {
      const paths = new Set(some.map(({ path }) => path))
      const common = filesOf(500 * (thousands % 6), (turn * 7919) % PACKED_BELOW, 'common/')
      const files = [...some, ...common.filter(({ path }) => !paths.has(path))]
      const grouping = groupFiles(files)
      const at = turn % (files.length + 1)
      assert.deepEqual(groupFiles([...files.slice(at).reverse(), ...files.slice(0, at)]), grouping)
      const { single, packs } = grouping
      assert.deepEqual(inOrder([...single, ...packs.flat()]), inOrder(files))
      for (const group of [single, packs.flat()]) assert.deepEqual(group, inOrder(group))
      for (const pack of packs) {
        assert.ok(pack.length > 0 && pack.length <= MOST_FILES_IN_PACK)
        assert.ok(bytesOf(pack) <= LARGEST_PACK)
        assert.ok(pack.every((file) => file.size < PACKED_BELOW))
      }
      assert.equal(packs.length > 0, files.length > 2000 && files.some((file) => file.size < PACKED_BELOW))
      // Filled one after the other: what opens a pack had no room in the one before.
      for (const [index, pack] of packs.slice(1).entries()) {
        const before = packs[index] ?? []
        const first = pack[0]?.size ?? 0
        assert.ok(bytesOf(before) + first > LARGEST_PACK || before.length === MOST_FILES_IN_PACK)
      }
    }),
  )
})

function filesOf(count: number, size: number, prefix = 'f'): readonly Sized[] {
  return Array.from({ length: count }, (_, at) => ({ path: `${prefix}${`${at}`.padStart(5, '0')}`, size }))
}

function bytesOf(files: readonly Sized[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

function inOrder(files: readonly Sized[]): readonly Sized[] {
  return [...files].sort((a, b) => compareBytes(a.path, b.path))
}
