import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  BallastError,
  bytesContent,
  type Digest,
  digestOf,
  isBallastError,
  type Progress,
  readAll,
} from '../core/index.ts'
import { readTar } from '../tar/index.ts'
import { hashLayer, layerContent, type OpenFile } from './layer.ts'
import { blobsOf, decodeRecipe, encodeRecipe, type LayerEntry, type LayerRecipe } from './layer-recipe.ts'

const LIMIT = 1024 * 1024
const noTar = spawnSync('tar', ['--version']).status !== 0 && 'tar is not installed'

const texts = ['', 'hello', 'x'.repeat(512), 'y'.repeat(1300)]
const small: LayerRecipe = {
  entries: [
    { kind: 'directory', path: 'models', mode: 0o755, uid: 0, gid: 0 },
    ...texts.map((text, at): LayerEntry => ({ ...fileOf(text), path: `models/${at}.bin` })),
    { kind: 'inline', path: 'models/note.json', text: '{"ü":1}\n' },
    { kind: 'symlink', path: 'models/zlink', target: '../elsewhere' },
  ],
}

test('every range of a layer is that part of the whole', async () => {
  const content = layerContent(small, openTexts(texts))
  const whole = await readAll(content.open(), LIMIT)
  assert.equal(whole.length, content.size)
  for (let offset = 0; offset <= whole.length; offset += 37) {
    for (const length of [0, 1, 5, 511, 512, 513, 2000, whole.length - offset, whole.length + 9]) {
      const part = await readAll(content.open({ offset, length }), LIMIT)
      assert.deepEqual(part, whole.subarray(offset, offset + length), `${offset}+${length}`)
    }
  }
})

test('random layers: size, ranges and digest agree', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 1600 }), { maxLength: 6 }),
      fc.nat(),
      fc.nat(),
      async (bodies, a, b) => {
        const recipe = {
          entries: bodies.map((text, at): LayerEntry => ({ ...fileOf(text), path: `f${at}` })),
        }
        const openBlob = openTexts(bodies)
        const content = layerContent(recipe, openBlob)
        const whole = await readAll(content.open(), LIMIT)
        assert.equal(whole.length, content.size)
        const range = { offset: a % (whole.length + 1), length: b % (whole.length + 1) }
        const part = await readAll(content.open(range), LIMIT)
        assert.deepEqual(part, whole.subarray(range.offset, range.offset + range.length))
        assert.deepEqual(await hashLayer(recipe, openBlob), { digest: digestOf(whole), size: whole.length })
      },
    ),
    { numRuns: 100 },
  )
})

test('a range opens only the blobs that it touches', async () => {
  const opened: Digest[] = []
  const openBlob: OpenFile = (blob) => {
    opened.push(blob.digest)
    return openTexts(texts)(blob)
  }
  const content = layerContent(small, openBlob)
  await readAll(content.open({ offset: 0, length: 512 }), LIMIT)
  await readAll(content.open({ offset: content.size - 1024, length: 1024 }), LIMIT)
  assert.deepEqual(opened, [])
  const whole = await readAll(content.open(), LIMIT)
  opened.length = 0
  await readAll(content.open({ offset: whole.indexOf('x'.repeat(512)) + 3, length: 10 }), LIMIT)
  assert.deepEqual(opened, [digestOf('x'.repeat(512))])
})

test('hashing verifies each blob and names it and its path', async () => {
  const changedTexts = ['', 'hello', `${'x'.repeat(511)}z`, 'y'.repeat(1300)]
  const openBlob: OpenFile = ({ digest }) => {
    const at = texts.findIndex((text) => digestOf(text) === digest)
    return bytesContent(Buffer.from(changedTexts[at] ?? ''))
  }
  await assert.rejects(hashLayer(small, openBlob), (error) => {
    assert.ok(isBallastError(error, 'DAMAGED'))
    assert.match(error.message, new RegExp(`${digestOf('x'.repeat(512))}.*/models/2.bin`))
    return true
  })
})

test('an empty file with the digest of something else is refused', async () => {
  const recipe: LayerRecipe = { entries: [{ kind: 'file', path: 'a', blob: digestOf('b'), size: 0 }] }
  await assert.rejects(
    hashLayer(recipe, () => bytesContent(Buffer.alloc(0))),
    damaged,
  )
})

test('a blob that is shorter or longer than the recipe says is refused', async () => {
  for (const text of ['hell', 'hello!']) {
    const recipe: LayerRecipe = { entries: [{ ...fileOf('hello'), path: 'a' }] }
    const content = layerContent(recipe, () => bytesContent(Buffer.from(text)))
    await assert.rejects(readAll(content.open(), LIMIT), damaged)
    await assert.rejects(
      hashLayer(recipe, () => bytesContent(Buffer.from(text))),
      damaged,
    )
  }
})

test('hashing reports progress by file and stops when aborted', async () => {
  const events: Progress[] = []
  await hashLayer(small, openTexts(texts), { onProgress: (event) => events.push(event) })
  assert.deepEqual(
    events.filter((event) => event.item === 'models/1.bin'),
    [
      { kind: 'start', step: 'hash', item: 'models/1.bin', total: 5 },
      { kind: 'bytes', step: 'hash', item: 'models/1.bin', count: 5 },
      { kind: 'done', step: 'hash', item: 'models/1.bin', digest: digestOf('hello') },
    ],
  )
  const signal = AbortSignal.abort()
  await assert.rejects(hashLayer(small, openTexts(texts), { signal }), (error) =>
    isBallastError(error, 'INTERRUPTED'),
  )
  await assert.rejects(hashLayer({ entries: [] }, openTexts([]), { signal }), (error) =>
    isBallastError(error, 'INTERRUPTED'),
  )
})

test('recipes survive their encoding, and blobs are listed once', () => {
  assert.deepEqual(decodeRecipe(encodeRecipe(small)), small)
  const twice: LayerRecipe = {
    entries: [
      { ...fileOf('a'), path: 'a' },
      { ...fileOf('a'), path: 'b' },
    ],
  }
  assert.deepEqual(blobsOf(twice), [{ digest: digestOf('a'), size: 1 }])
})

test('malformed recipes are refused', () => {
  const file = { ...fileOf('a'), path: 'a' }
  const entries: readonly unknown[] = [
    ...['/a', '../a', 'a//b', '', 'a/./b', 'a\0b', 'x/.wh.b', 1].map((path) => ({ ...file, path })),
    { ...file, size: -1 },
    { ...file, size: 1.5 },
    { ...file, blob: 'sha256:1' },
    { kind: 'device', path: 'a' },
    { kind: 'directory', path: 'a', mode: 0o10000, uid: 0, gid: 0 },
    { kind: 'symlink', path: 'a', target: '' },
    null,
  ]
  const wrong = entries.map((entry) => JSON.stringify({ version: 1, entries: [entry] }))
  for (const text of [
    ...wrong,
    '',
    '[]',
    '{"version":2,"entries":[]}',
    JSON.stringify({ version: 1, entries: [file, file] }),
  ]) {
    assert.throws(() => decodeRecipe(text), damaged, text)
  }
})

test('the system tar unpacks a layer to the files it was made from', { skip: noTar }, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'ballast-layer-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const archive = join(directory, 'layer.tar')
  const whole = await readAll(layerContent(small, openTexts(texts)).open(), LIMIT)
  writeFileSync(archive, whole)
  execFileSync('tar', ['-xf', archive, '--no-same-owner', '-C', directory])
  for (const [at, text] of texts.entries()) {
    assert.equal(readFileSync(join(directory, `models/${at}.bin`), 'utf8'), text)
  }
  assert.equal(readFileSync(join(directory, 'models/note.json'), 'utf8'), '{"ü":1}\n')
  assert.equal(readlinkSync(join(directory, 'models/zlink')), '../elsewhere')
  const listed: string[] = []
  for await (const entry of readTar(bytesContent(whole).open())) listed.push(entry.path)
  assert.deepEqual(
    listed,
    small.entries.map((entry) => entry.path),
  )
})

function fileOf(text: string): { kind: 'file'; blob: Digest; size: number } {
  return { kind: 'file', blob: digestOf(text), size: Buffer.byteLength(text) }
}

function openTexts(known: readonly string[]): OpenFile {
  return ({ digest }) => {
    const text = known.find((candidate) => digestOf(candidate) === digest)
    if (text === undefined) throw new BallastError('NOT_FOUND', digest)
    return bytesContent(Buffer.from(text))
  }
}

function damaged(error: unknown): boolean {
  return isBallastError(error, 'DAMAGED')
}
