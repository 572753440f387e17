import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bytesContent, digestOf, isBallastError, verified } from '../core/index.ts'
import { encodeHeader, TAR_END, type TarEntry, type TarType } from '../tar/index.ts'
import { decodeInventory, encodeInventory, type Inventory, readInventory } from './inventory.ts'

const noTar = spawnSync('tar', ['--version']).status !== 0 && 'tar is not installed'

const layer = tarOf(
  entry('app', 'directory', { mode: 0o2750, uid: 1000, gid: 1001 }),
  entry('app/run.py', 'file'),
  entry('lib', 'symlink', { link: 'usr/lib' }),
  entry('app/hard', 'hardlink', { link: 'app/run.py' }),
  entry('app/.wh.old', 'file'),
  entry('.wh.top', 'file'),
  entry('data/.wh..wh..opq', 'file'),
)

const expected: Inventory = {
  entries: [
    { path: 'app', type: 'directory', mode: 0o2750, uid: 1000, gid: 1001 },
    { path: 'app/run.py', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0 },
    { path: 'lib', type: 'symlink', mode: 0o644, uid: 0, gid: 0, link: 'usr/lib' },
    { path: 'app/hard', type: 'hardlink', mode: 0o644, uid: 0, gid: 0, link: 'app/run.py' },
  ],
  whiteouts: ['app/old', 'top'],
  opaques: ['data'],
}

for (const [how, bytes] of Object.entries({
  plain: layer,
  gzip: gzipSync(layer),
  'gzip in two members': Buffer.concat([gzipSync(layer.subarray(0, 700)), gzipSync(layer.subarray(700))]),
  zstd: zstdCompressSync(layer),
})) {
  test(`a layer is read: ${how}`, async () => {
    assert.deepEqual(await readInventory(inPieces(bytes, 100), { diffId: digestOf(layer) }), expected)
    assert.deepEqual(await readInventory(inPieces(bytes, 1)), expected)
  })
}

test('an inventory survives its encoding, and a cache that is not one is made anew', () => {
  assert.deepEqual(decodeInventory(encodeInventory(expected)), expected)
  for (const text of [
    '',
    '{}',
    '{"version":3}',
    '{"version":1,"entries":[["a","f",1,0,0]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[["a","f",1,0,0]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[["../a","f",1,0,0,1]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[["a","q",1,0,0]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[["a","toString",1,0,0]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[["a","l",1,0,0]],"whiteouts":[],"opaques":[]}',
    '{"version":2,"entries":[],"whiteouts":["/x"],"opaques":[]}',
  ]) {
    assert.equal(decodeInventory(Buffer.from(text)), undefined, text)
  }
})

test('names are normalised, and those that would leave the root are left out', async () => {
  const names = [
    './a',
    '/b',
    'c//d',
    './',
    '../evil',
    'x/../../evil',
    'x/.wh...',
    'x/.wh..',
    'x/.wh.',
    'a/'.repeat(3000),
    '.wh..wh.plnk',
  ]
  const found = await readInventory(bytesContent(tarOf(...names.map((name) => entry(name, 'file')))).open())
  assert.deepEqual(
    found.entries.map(({ path }) => path),
    ['a', 'b', 'c/d', ''],
  )
  assert.deepEqual(found.whiteouts, [])
})

test('damage and unknown compression are refused', async () => {
  const gzip = gzipSync(layer)
  const flipped = Buffer.from(gzip)
  flipped.writeUInt8(flipped.readUInt8(60) ^ 0xff, 60)
  for (const bytes of [
    gzip.subarray(0, gzip.length - 12),
    flipped,
    layer.subarray(0, 600),
    zstdCompressSync(layer).subarray(0, 60),
  ]) {
    await assert.rejects(readInventory(bytesContent(bytes).open()), code('DAMAGED'))
  }
  await assert.rejects(readInventory(bytesContent(layer).open(), { diffId: digestOf('x') }), code('DAMAGED'))
  await assert.rejects(readInventory(bytesContent(Buffer.from('BZh91AY&SY')).open()), code('REFUSED'))
  await assert.rejects(
    readInventory(bytesContent(layer).open(), { signal: AbortSignal.abort() }),
    code('INTERRUPTED'),
  )
})

for (const [how, bytes] of Object.entries({
  plain: layer,
  gzip: gzipSync(layer),
  zstd: zstdCompressSync(layer),
})) {
  test(`a source that verifies itself is read to its end: ${how}`, async () => {
    const right = { digest: digestOf(bytes), size: bytes.length }
    assert.deepEqual(await readInventory(verified(inPieces(bytes, 500), right)), expected)
    const wrong = { digest: digestOf('x'), size: bytes.length }
    await assert.rejects(readInventory(verified(inPieces(bytes, 500), wrong)), code('DAMAGED'))
  })
}

test('a failure of the source is passed on through the decompressor', async () => {
  async function* source(): AsyncIterable<Uint8Array> {
    yield gzipSync(layer).subarray(0, 50)
    throw new Error('the line went dead')
  }
  await assert.rejects(readInventory(source()), /the line went dead/)
})

test('an empty layer is an empty inventory', async () => {
  const empty = { entries: [], whiteouts: [], opaques: [] }
  assert.deepEqual(await readInventory(bytesContent(Buffer.alloc(0)).open()), empty)
  assert.deepEqual(await readInventory(bytesContent(gzipSync(TAR_END)).open()), empty)
})

test('a layer made by the system tar is read', { skip: noTar }, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-inventory-'))
  context.after(() => rmSync(directory, { recursive: true }))
  execFileSync(
    'sh',
    ['-c', 'mkdir -m 750 app && echo x >app/f && ln -s app link && tar -czf l.tgz app link'],
    {
      cwd: directory,
    },
  )
  const found = await readInventory(bytesContent(readFileSync(join(directory, 'l.tgz'))).open())
  assert.deepEqual(
    found.entries.map(({ path, type, size }) => [path, type, size]),
    [
      ['app', 'directory', undefined],
      ['app/f', 'file', 2],
      ['link', 'symlink', undefined],
    ],
  )
})

function entry(path: string, type: TarType, more: Partial<TarEntry> = {}): TarEntry {
  return { path, type, size: 0, mode: 0o644, uid: 0, gid: 0, ...more }
}

function tarOf(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(encodeHeader), TAR_END])
}

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function code(expectedCode: string): (error: unknown) => boolean {
  return (error) => isBallastError(error) && error.code === expectedCode
}
