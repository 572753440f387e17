import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { missingParts } from '../../test/fixtures/parts.ts'
import { filesOf } from '../../test/fixtures/store-facts.ts'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { bytesContent, CHUNK_SIZE, fileContent } from '../core/index.ts'
import { encodeHeader, TAR_BLOCK, TAR_END } from './header.ts'
import { type PackedFile, planPack, writePack } from './pack.ts'
import { locateEntries, readTar } from './reader.ts'

const skip = missingParts('tar')

/** Names at the edges of what a tar header and a file system hold. */
const AWKWARD = [
  'plain',
  'with space',
  '-rf',
  'it\'s "quoted" \\ and $(more)',
  '\u{1f600}/\u{1f9e0} weights.bin',
  '\u00e9',
  'e\u0301',
  'CASE',
  'case',
  'n'.repeat(100),
  'm'.repeat(101),
  'x'.repeat(255),
  '\u6a21'.repeat(85),
  `${'deep/'.repeat(50)}file`,
  `${'p'.repeat(155)}/${'q'.repeat(100)}`,
  `${Array.from({ length: 14 }, () => 'd'.repeat(255)).join('/')}/end`,
  '100% sure',
]

test('every file stands where it was planned, and the archive is as long as planned', async () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 120 })
    .map((text) => `f${text.replace(/[\0/\ufffd]/g, '_')}`)
  const size = fc.oneof(fc.nat(2000), fc.constantFrom(0, 1, 511, 512, 513, 1024))
  const files = fc.uniqueArray(fc.record({ path: name, size }), {
    selector: ({ path }) => path,
    maxLength: 30,
  })
  await fc.assert(
    fc.asyncProperty(files, async (packed) => {
      const plan = planPack(packed)
      const bytes = await collect(writePack(packed, async (file) => contentOf(file)))
      assert.equal(bytes.length, plan.size)
      for (const [at, file] of packed.entries()) {
        const offset = plan.offsets[at] ?? 0
        assert.deepEqual(bytes.subarray(offset, offset + file.size), contentOf(file))
      }
      const found = []
      for await (const { entry, offset } of locateEntries(bytesContent(bytes)))
        found.push([entry.path, entry.size, offset])
      assert.deepEqual(
        found,
        packed.map(({ path, size }, at) => [path, size, plan.offsets[at]]),
      )
    }),
    { numRuns: 60 },
  )
})

test('the system tar lists and extracts a pack, whatever the names in it', { skip }, async (t) => {
  const directory = await temporaryDirectory(t)
  const files = AWKWARD.map((path, at) => ({ path, size: at * 100 }))
  const archive = join(directory, 'packed.tar')
  await writeFile(archive, await collect(writePack(files, async (file) => contentOf(file))))
  const listed = execFileSync('tar', ['-tf', archive, '--quoting-style=literal'], { encoding: 'utf8' })
  assert.deepEqual(listed.trimEnd().split('\n'), AWKWARD)
  const out = join(directory, 'out')
  await mkdir(out)
  execFileSync('tar', ['-xf', archive, '-C', out, '--no-same-owner'])
  await writeFiles(
    join(directory, 'wanted'),
    Object.fromEntries(files.map((file) => [file.path, contentOf(file)])),
  )
  assert.deepEqual(await filesOf(out), await filesOf(join(directory, 'wanted')))
})

test('a pack of plain names is what the system tar writes with fixed attributes, byte for byte', {
  skip,
}, async (t) => {
  const contents = { a: 'first', 'b/c.txt': 'second', 'b/empty': '', z: 'x'.repeat(1024) }
  const directory = await writeFiles(await temporaryDirectory(t), contents)
  const fixed = [
    '--format=ustar',
    '-b',
    '1',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--mode=0644',
  ]
  const theirs = execFileSync('tar', [...fixed, '-cf', '-', ...Object.keys(contents)], { cwd: directory })
  const files = Object.entries(contents).map(([path, text]) => ({ path, size: text.length }))
  const ours = await collect(writePack(files, ({ path }) => readFile(join(directory, path))))
  assert.deepEqual(ours, theirs)
})

test('files are told in order, with their bytes, and no more than eight are read ahead', async () => {
  const files = Array.from({ length: 40 }, (_, at) => ({ path: `${at}`, size: at }))
  const told: string[] = []
  let begun = 0
  let most = 0
  const read = async (file: PackedFile): Promise<Uint8Array> => {
    most = Math.max(most, ++begun - told.length)
    // The later ones answer first.
    await sleep(40 - file.size)
    return contentOf(file)
  }
  await collect(writePack(files, read, ({ path }, bytes) => told.push(`${path}:${bytes.length}`)))
  assert.deepEqual(
    told,
    files.map(({ path, size }) => `${path}:${size}`),
  )
  assert.equal(most, 8)
})

test('small files are given together, and no more is held than they and one large file', async () => {
  const files = [...sized(5000, 100), { path: 'large', size: 5 * CHUNK_SIZE }, ...sized(10, 100)]
  const lengths: number[] = []
  for await (const chunk of writePack(files, async (file) => contentOf(file))) lengths.push(chunk.length)
  assert.ok(lengths.length < 30, `${lengths}`)
  assert.ok(Math.max(...lengths) < 7 * CHUNK_SIZE)
})

test('a file that cannot be read fails the pack when its turn comes, however slowly the pack is taken', async () => {
  const files = sized(20, CHUNK_SIZE)
  const read = async (file: PackedFile): Promise<Uint8Array> => {
    if (file.path === '5') throw new Error('5 is gone')
    return contentOf(file)
  }
  let written = 0
  const taking = (async () => {
    for await (const _ of writePack(files, read)) {
      // Long enough for node to end the process over a failure that nobody handles.
      await sleep(20)
      written++
    }
  })()
  await assert.rejects(taking, /5 is gone/)
  assert.equal(written, 5)
})

test('whoever stops early waits for what is being read, and nothing is read after that', async () => {
  const files = sized(30, CHUNK_SIZE)
  let begun = 0
  let ended = 0
  const read = async (file: PackedFile): Promise<Uint8Array> => {
    begun++
    await sleep(20)
    ended++
    return contentOf(file)
  }
  for await (const _ of writePack(files, read)) break
  assert.ok(begun > 0 && begun < files.length)
  assert.equal(ended, begun)
})

for (const [what, given] of [
  ['fewer', 3],
  ['more', 5],
] as const) {
  test(`a file of ${what} bytes than planned is not written`, async () => {
    const read = async (): Promise<Uint8Array> => Buffer.alloc(given)
    await assert.rejects(collect(writePack([{ path: 'f', size: 4 }], read)), RangeError)
  })
}

test('a pack of nothing is an empty archive', async () => {
  assert.deepEqual(planPack([]), { offsets: [], size: TAR_END.length })
  assert.deepEqual(await collect(writePack([], async () => Buffer.alloc(0))), TAR_END)
})

test('a file above 8 GiB is found by the system tar and by our own reader, with what follows it', {
  skip,
}, async (t) => {
  const size = 8 * 1024 ** 3 + 5
  const path = join(await temporaryDirectory(t), 'huge.tar')
  const plain = { type: 'file', mode: 0o644, uid: 0, gid: 0 } as const
  const first = encodeHeader({ ...plain, path: 'huge.bin', size })
  const second = encodeHeader({ ...plain, path: 'after', size: 0 })
  const { offsets, size: whole } = planPack([
    { path: 'huge.bin', size },
    { path: 'after', size: 0 },
  ])
  const handle = await open(path, 'wx')
  // What is not written takes no room.
  await handle.write(first, 0, first.length, 0)
  await handle.write(second, 0, second.length, (offsets[1] ?? 0) - second.length)
  await handle.truncate(whole)
  assert.ok((await handle.stat()).blocks < 100)
  await handle.close()
  const env = { ...process.env, TZ: 'UTC' }
  const listed = execFileSync('tar', ['-tvf', path, '--numeric-owner'], { encoding: 'utf8', env })
    .trimEnd()
    .split('\n')
  assert.match(listed[0] ?? '', new RegExp(`^-rw-r--r-- 0/0 +${size} 1970-01-01 .* huge\\.bin$`))
  assert.match(listed[1] ?? '', / after$/)
  const found = []
  for await (const { entry, offset } of locateEntries(fileContent(path, whole)))
    found.push([entry.path, entry.size, offset])
  assert.deepEqual(found, [
    ['huge.bin', size, offsets[0]],
    ['after', 0, offsets[1]],
  ])
  for await (const entry of readTar(bytesContent(first).open())) {
    assert.deepEqual([entry.path, entry.size], ['huge.bin', size])
    break
  }
  assert.equal((offsets[0] ?? 0) % TAR_BLOCK, 0)
})

function sized(count: number, size: number): readonly PackedFile[] {
  return Array.from({ length: count }, (_, at) => ({ path: `${at}`, size }))
}

function contentOf({ path, size }: PackedFile): Buffer {
  return Buffer.alloc(size, `${path}|`)
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}
