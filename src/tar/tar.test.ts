import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBallastError } from '../core/index.ts'
import { encodeHeader, paddingOf, TAR_BLOCK, TAR_END, type TarEntry } from './header.ts'
import { encodePax } from './pax.ts'
import { readTar } from './reader.ts'

const PLAIN: TarEntry = { path: 'plain', type: 'file', size: 0, mode: 0o644, uid: 0, gid: 0 }
const noTar = spawnSync('tar', ['--version']).status !== 0 && 'tar is not installed'

test('what is encoded is decoded again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyEntry(), { maxLength: 8 }),
      fc.integer({ min: 1, max: 2000 }),
      async (entries, cut) => {
        const bytes = Buffer.concat([
          ...entries.flatMap((entry) => [encodeHeader(entry), bodyOf(entry)]),
          TAR_END,
        ])
        assert.deepEqual(await collect(readTar(chunked(bytes, cut))), entries)
      },
    ),
    { numRuns: 300 },
  )
})

test('an extended header stands only where ustar cannot express the entry', () => {
  const blocks = (entry: Partial<TarEntry>): number => encodeHeader({ ...PLAIN, ...entry }).length / TAR_BLOCK
  assert.equal(blocks({ path: 'a'.repeat(100) }), 1)
  assert.equal(blocks({ path: `${'a'.repeat(155)}/${'b'.repeat(100)}` }), 1)
  assert.equal(blocks({ path: `${'a'.repeat(154)}/${'b'.repeat(99)}`, type: 'directory' }), 1)
  assert.equal(blocks({ path: `${'a'.repeat(156)}/${'b'.repeat(100)}` }), 3)
  assert.equal(blocks({ path: 'a'.repeat(101) }), 3)
  assert.equal(blocks({ path: 'é' }), 3)
  assert.equal(blocks({ type: 'symlink', link: 'a'.repeat(100) }), 1)
  assert.equal(blocks({ type: 'symlink', link: 'a'.repeat(101) }), 3)
  assert.equal(blocks({ size: 8 * 1024 ** 3 - 1 }), 1)
  assert.equal(blocks({ size: 8 * 1024 ** 3 }), 3)
  assert.equal(blocks({ uid: 0o7777777 }), 1)
  assert.equal(blocks({ uid: 0o10000000 }), 3)
})

test('a size above 8 GiB and large owners survive', async () => {
  const entry = { ...PLAIN, size: 9 * 1024 ** 3, uid: 3_000_000_000, gid: 2_097_152 }
  for await (const found of readTar(chunked(encodeHeader(entry), 512))) {
    assert.deepEqual(found, entry)
    break
  }
})

test('the bytes of a header never change', () => {
  const entry = { ...PLAIN, path: `models/${'ü'.repeat(60)}/weights.bin`, size: 12 }
  const digest = createHash('sha256').update(encodeHeader(entry)).update(encodeHeader(PLAIN)).digest('hex')
  assert.equal(digest, 'd41bb705af4b1d83d8e506f05fa5de49d2962b44ec77c4e044b45ec021b32f9b')
})

test('the system tar reads the same names, sizes, modes and targets', { skip: noTar }, (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-tar-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const long = `${'x'.repeat(90)}/${'y'.repeat(120)}`
  const files = ['plain.bin', long, 'dir/ünïcode-模型.bin', `${'p'.repeat(120)}/q`]
  const entries: TarEntry[] = [
    { ...PLAIN, path: 'dir', type: 'directory', mode: 0o750 },
    ...files.map((path): TarEntry => ({ ...PLAIN, path, size: path.length })),
    { ...PLAIN, path: 'link', type: 'symlink', mode: 0o777, link: `../${'z'.repeat(150)}` },
  ]
  const archive = join(directory, 'a.tar')
  writeFileSync(
    archive,
    Buffer.concat([...entries.flatMap((entry) => [encodeHeader(entry), bodyOf(entry)]), TAR_END]),
  )
  const listing = execFileSync('tar', ['-tf', archive, '--quoting-style=literal'], { encoding: 'utf8' })
  assert.deepEqual(
    listing.trimEnd().split('\n'),
    entries.map((entry) => (entry.type === 'directory' ? `${entry.path}/` : entry.path)),
  )
  execFileSync('tar', ['-xpf', archive, '--no-same-owner', '-C', directory])
  assert.equal(statSync(join(directory, 'dir')).mode & 0o7777, 0o750)
  assert.equal(statSync(join(directory, 'plain.bin')).mtimeMs, 0)
  assert.equal(readlinkSync(join(directory, 'link')), `../${'z'.repeat(150)}`)
  for (const path of files) assert.equal(readFileSync(join(directory, path)).length, path.length)
})

test('an extended header applies to the next file, not to a long name in between', async () => {
  const pax = extension('x', encodePax(new Map([['size', '3']])))
  const name = extension('L', Buffer.from('long\0'))
  const bytes = Buffer.concat([pax, name, encodeHeader(PLAIN), body(3), encodeHeader(PLAIN), TAR_END])
  const found = await collect(readTar(chunked(bytes, 512)))
  assert.deepEqual(
    found.map(({ path, size }) => [path, size]),
    [
      ['long', 3],
      ['plain', 0],
    ],
  )
})

test('global headers are read past', async () => {
  const global = extension('g', encodePax(new Map([['path', 'elsewhere']])))
  const found = await collect(readTar(chunked(Buffer.concat([global, encodeHeader(PLAIN)]), 512)))
  assert.equal(found[0]?.path, 'plain')
})

test('the whole input is read, whatever follows the end marker', async () => {
  let left = true
  async function* source(): AsyncIterable<Uint8Array> {
    yield TAR_END
    yield Buffer.alloc(10_000)
    left = false
  }
  assert.deepEqual(await collect(readTar(source())), [])
  assert.equal(left, false)
})

const header = encodeHeader(PLAIN)
const hostile: Readonly<Record<string, Buffer>> = {
  'a wrong checksum': changed(header, (block) => block.write('q', 0)),
  'a header cut short': header.subarray(0, 300),
  'a body cut short': Buffer.concat([encodeHeader({ ...PLAIN, size: 1000 }), body(100).subarray(0, 100)]),
  'padding cut short': Buffer.concat([encodeHeader({ ...PLAIN, size: 100 }), Buffer.alloc(100)]),
  'a negative size': resummed(header, (block) => block.fill(0xff, 124, 136)),
  'a size beyond 2^53': resummed(header, (block) => block.write('80ffffffffffffffffffffff', 124, 'hex')),
  'letters for a size': resummed(header, (block) => block.write('00000000xyz', 124)),
  'an extended header of 2 MiB': resummed(extension('x', Buffer.alloc(0)), (block) =>
    block.write('00010000000', 124),
  ),
  'a long name of 2 MiB': resummed(extension('L', Buffer.alloc(0)), (block) =>
    block.write('00010000000', 124),
  ),
  'an extended record that is too long': extension('x', Buffer.from('99 path=a\n')),
  'an extended record of length 0': extension('x', Buffer.from('0 path=a\n')),
  'an extended record without newline': extension('x', Buffer.from('9 path=ab')),
  'an extended record without =': extension('x', Buffer.from('7 path\n')),
  'a NUL in an extended path': extension('x', encodePax(new Map([['path', 'a\0b']]))),
  'a negative extended size': Buffer.concat([extension('x', encodePax(new Map([['size', '-1']]))), header]),
  'a single block of zeros': Buffer.concat([Buffer.alloc(512), header]),
  'no tar at all': Buffer.from('hello '.repeat(200)),
}
for (const [what, bytes] of Object.entries(hostile)) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(collect(readTar(chunked(bytes, 512))), (error) => isBallastError(error, 'DAMAGED'))
  })
}

test('random damage is either refused or read, never a crash', async () => {
  const good = Buffer.concat([
    encodeHeader({ ...PLAIN, path: 'ü'.repeat(80), size: 5 }),
    body(5),
    header,
    TAR_END,
  ])
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, byte, length) => {
      const bytes = changed(good, (copy) => copy.writeUInt8(byte, at)).subarray(0, length)
      await collect(readTar(chunked(bytes, 700))).catch((error) => {
        if (!isBallastError(error, 'DAMAGED')) throw error
      })
    }),
    { numRuns: 500 },
  )
})

function anyEntry(): fc.Arbitrary<TarEntry> {
  const unit = fc.constantFrom('a', 'b', 'ü', '模', '.', ' ', '-', '\u{1f600}')
  const part = fc.string({ unit, minLength: 1, maxLength: 90 })
  const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
  const owner = { uid: fc.nat(2 ** 31), gid: fc.nat(2 ** 31), mode: fc.nat(0o7777) }
  return fc.oneof(
    fc.record(
      { path, type: fc.constant('file' as const), size: fc.nat(2000), ...owner },
      { noNullPrototype: true },
    ),
    fc.record(
      { path, type: fc.constant('directory' as const), size: fc.constant(0), ...owner },
      { noNullPrototype: true },
    ),
    fc.record(
      { path, type: fc.constant('symlink' as const), size: fc.constant(0), ...owner, link: path },
      { noNullPrototype: true },
    ),
  )
}

function bodyOf(entry: TarEntry): Buffer {
  return body(entry.size)
}

function body(size: number): Buffer {
  return Buffer.concat([Buffer.alloc(size, 0x61), Buffer.alloc(paddingOf(size))])
}

function extension(flag: string, data: Buffer): Buffer {
  const block = resummed(encodeHeader({ ...PLAIN, size: data.length }), (copy) => copy.write(flag, 156))
  return Buffer.concat([block, data, Buffer.alloc(paddingOf(data.length))])
}

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

function resummed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  return changed(bytes, (copy) => {
    change(copy)
    copy.fill(0x20, 148, 156)
    const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  })
}

async function* chunked(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
