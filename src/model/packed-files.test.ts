import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Digest, digestOf, digestOfHex } from '../core/index.ts'
import { decodePackedFiles, encodePackedFiles } from './packed-files.ts'
import type { ModelFile } from './version.ts'

const A = digestOf('a')
const B = digestOf('b')

test('packed files come back as they were, those that are blobs are left out', () => {
  fc.assert(
    fc.property(anyPacks(), (packs) => {
      const single = { path: 'single', digest: A, size: 1 }
      assert.deepEqual(decodePackedFiles(encodePackedFiles([single, ...packs.flat()])), packs.flat())
    }),
  )
  assert.deepEqual(decodePackedFiles(encodePackedFiles([])), [])
})

test('a file that reaches to the very end of its pack is read, one byte further and it is not', () => {
  const file = (size: number): ModelFile => ({
    path: 'f',
    digest: A,
    size,
    pack: { digest: B, size: 100, offset: 40 },
  })
  assert.deepEqual(decodePackedFiles(encodePackedFiles([file(60)])), [file(60)])
  assert.equal(decodePackedFiles(encodePackedFiles([file(61)])), undefined)
})

const row = ['f', A, 1, 512]
const withRow = (...cells: readonly unknown[]): unknown => ({
  packs: [{ digest: B, size: 2048, files: [cells] }],
})
const withPack = (other: object): unknown => ({ packs: [{ digest: B, size: 2048, files: [row], ...other }] })
const HOSTILE: readonly (readonly [string, unknown])[] = [
  ['nothing', {}],
  ['a list', []],
  ['null', null],
  ['packs that are no list', { packs: { 0: {} } }],
  ['a pack that is null', { packs: [null] }],
  ['a pack that is a text', { packs: ['x'] }],
  ['a pack without a digest', withPack({ digest: undefined })],
  ['a pack whose digest is a path', withPack({ digest: 'sha256:../../x' })],
  ['a pack without a size', withPack({ size: undefined })],
  ['a pack of a negative size', withPack({ size: -1 })],
  ['a pack of half a byte', withPack({ size: 2048.5 })],
  ['a pack of a size that no double holds', withPack({ size: 2 ** 53 })],
  ['files that are no list', withPack({ files: { 0: row } })],
  ['a row that is no list', withPack({ files: [{ path: 'f' }] })],
  ['a row that is null', withPack({ files: [null] })],
  ['an empty row', withRow()],
  ['a path that is a number', withRow(7, A, 1, 512)],
  ['a digest that is none', withRow('f', 'sha256:abc', 1, 512)],
  ['a digest that is a number', withRow('f', 7, 1, 512)],
  ['a size as text', withRow('f', A, '1', 512)],
  ['a negative size', withRow('f', A, -1, 512)],
  ['no offset', withRow('f', A, 1)],
  ['a negative offset', withRow('f', A, 1, -1)],
  ['an offset behind the end', withRow('f', A, 1, 2048)],
  ['a size that overflows', withRow('f', A, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)],
]

for (const [what, value] of HOSTILE) {
  test(`a list of packed files with ${what} is not read`, () => {
    assert.equal(decodePackedFiles(Buffer.from(JSON.stringify(value))), undefined)
  })
}

test('no bytes make reading a list of packed files fail', () => {
  const anything = fc.oneof(
    fc.uint8Array(),
    fc.json().map(Buffer.from),
    fc
      .jsonValue()
      .map((value) => Buffer.from(JSON.stringify({ packs: [{ digest: A, size: 9, files: value }] }))),
    fc.array(fc.jsonValue()).map((packs) => Buffer.from(JSON.stringify({ packs }))),
  )
  fc.assert(
    fc.property(anything, (bytes) => {
      for (const file of decodePackedFiles(bytes) ?? []) assert.ok(file.pack !== undefined)
    }),
  )
})

function anyPacks(): fc.Arbitrary<readonly (readonly ModelFile[])[]> {
  const digest = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes): Digest => digestOfHex(Buffer.from(bytes).toString('hex')))
  const place = fc.record({ path: fc.string(), digest, size: fc.nat(), gap: fc.nat(5000) })
  const pack = fc.record({ digest, files: fc.array(place, { minLength: 1, maxLength: 8 }) })
  return fc
    .uniqueArray(pack, { maxLength: 4, selector: (one) => one.digest })
    .map((packs) => packs.map(({ digest, files }) => laidOut(digest, files)))
}

/** One behind the other, with gaps between them. */
function laidOut(
  pack: Digest,
  files: readonly { path: string; digest: Digest; size: number; gap: number }[],
): readonly ModelFile[] {
  const total = files.reduce((sum, { size, gap }) => sum + size + gap, 0)
  let at = 0
  return files.map(({ path, digest, size, gap }) => {
    const offset = at + gap
    at = offset + size
    return { path, digest, size, pack: { digest: pack, size: total, offset } }
  })
}
