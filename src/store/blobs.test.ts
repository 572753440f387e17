import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn } from '../../test/fixtures/temporary.ts'
import { bytesContent, type Digest, digestOf, readAll } from '../core/index.ts'
import type { BlobInfo, BlobStore, IngestOptions } from './blobs.ts'
import type { Session } from './session.ts'

const BYTES = Buffer.from('the weights of a model, unchanged')
const BLOB: BlobInfo = { digest: digestOf(BYTES), size: BYTES.length }

test('a blob comes back byte for byte, whole and in part', async (t) => {
  const { blobs, ingest } = await place(t)
  assert.deepEqual(await ingest(BYTES), { ...BLOB, existed: false })
  assert.deepEqual(await blobs.stat(BLOB.digest), BLOB)
  assert.deepEqual(await blobs.list(), [BLOB])
  assert.deepEqual(await readAll(blobs.content(BLOB).open(), 1000), BYTES)
  const part = blobs.content(BLOB).open({ offset: 4, length: 7 })
  assert.equal((await readAll(part, 1000)).toString(), 'weights')
})

test('a blob may be read and not written', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  assert.equal((await stat(blobs.path(BLOB.digest))).mode & 0o777, 0o444)
})

test('an empty file is a blob', async (t) => {
  const { blobs, ingest } = await place(t)
  const { digest } = await ingest(Buffer.alloc(0))
  assert.deepEqual(await blobs.stat(digest), { digest, size: 0 })
  assert.equal((await readAll(blobs.content({ digest, size: 0 }).open(), 0)).length, 0)
  await blobs.ensureIntact({ digest, size: 0 })
})

test('the same bytes are stored once', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  const { ino } = await stat(blobs.path(BLOB.digest))
  assert.deepEqual(await ingest(BYTES), { ...BLOB, existed: true })
  assert.equal((await stat(blobs.path(BLOB.digest))).ino, ino)
})

test('many who store the same bytes at once all succeed', async (t) => {
  const { blobs, ingest } = await place(t)
  await Promise.all(Array.from({ length: 8 }, () => ingest(BYTES)))
  assert.equal(await blobs.rehash(BLOB), 'intact')
})

const wrong: readonly (readonly [string, NonNullable<IngestOptions['expected']>])[] = [
  ['another digest', { digest: digestOf('something else') }],
  ['fewer bytes', { size: BYTES.length - 1 }],
  ['more bytes', { size: BYTES.length + 1 }],
  ['the right size and another digest', { size: BYTES.length, digest: digestOf('x') }],
]

for (const [what, expected] of wrong) {
  test(`bytes where ${what} was expected are refused and leave no trace`, async (t) => {
    const { blobs, ingest, session } = await place(t)
    await assert.rejects(ingest(BYTES, { expected }), { code: 'DAMAGED', message: /a file/ })
    assert.equal(await blobs.stat(BLOB.digest), undefined)
    assert.deepEqual(await blobs.list(), [])
    assert.deepEqual((await readdir(session.directory)).sort(), ['leases', 'process'])
  })
}

test('a source that fails midway leaves no trace', async (t) => {
  const { blobs, session } = await place(t)
  async function* failing(): AsyncIterable<Uint8Array> {
    yield BYTES
    throw new Error('the source failed')
  }
  await assert.rejects(blobs.ingest(session, failing(), { item: 'a file' }), /the source failed/)
  assert.deepEqual(await blobs.list(), [])
  assert.deepEqual((await readdir(session.directory)).sort(), ['leases', 'process'])
})

test('an interrupted copy leaves no trace', async (t) => {
  const { blobs, ingest } = await place(t)
  await assert.rejects(ingest(BYTES, { signal: AbortSignal.abort() }), { code: 'INTERRUPTED' })
  assert.deepEqual(await blobs.list(), [])
})

test('a blob that is missing is said to be missing', async (t) => {
  const { blobs } = await place(t)
  assert.equal(await blobs.stat(BLOB.digest), undefined)
  assert.equal(await blobs.rehash(BLOB), 'missing')
  await assert.rejects(blobs.ensureIntact(BLOB), { code: 'NOT_FOUND' })
  await assert.rejects(readAll(blobs.content(BLOB).open(), 1000), { code: 'NOT_FOUND' })
})

test('a blob that somebody wrote to is noticed by its time and found damaged', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  await blobs.ensureIntact(BLOB)
  await flipBit(blobs.path(BLOB.digest))
  await assert.rejects(blobs.ensureIntact(BLOB), { code: 'DAMAGED' })
  assert.equal(await blobs.stat(BLOB.digest), undefined)
})

test('a blob that was cut short is found damaged even with its old time', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  const path = blobs.path(BLOB.digest)
  await chmod(path, 0o644)
  await truncate(path, 5)
  await utimes(path, 0, 0)
  await assert.rejects(blobs.ensureIntact(BLOB), { code: 'DAMAGED' })
})

test('a flipped bit that left size and time alone is found by hashing', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  await flipBit(blobs.path(BLOB.digest), { sameTime: true })
  await blobs.ensureIntact(BLOB)
  assert.equal(await blobs.rehash(BLOB), 'damaged')
  await assert.rejects(blobs.ensureIntact(BLOB), { code: 'DAMAGED' })
})

test('a blob that only has another time is hashed once and trusted again', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  const path = blobs.path(BLOB.digest)
  await utimes(path, 1e9, 1e9)
  await blobs.ensureIntact(BLOB)
  const { mtimeMs, mode } = await stat(path)
  assert.equal(mtimeMs, 0)
  assert.equal(mode & 0o777, 0o444)
})

test('storing a damaged blob again mends it, whether or not anybody had noticed', async (t) => {
  const { blobs, ingest } = await place(t)
  for (const notice of [() => blobs.rehash(BLOB), async () => undefined]) {
    await ingest(BYTES)
    await flipBit(blobs.path(BLOB.digest))
    await notice()
    assert.equal((await ingest(BYTES)).existed, false)
    assert.deepEqual(await readFile(blobs.path(BLOB.digest)), BYTES)
    assert.deepEqual(await blobs.stat(BLOB.digest), BLOB)
    await blobs.ensureIntact(BLOB)
  }
})

test('a blob whose bytes are right again is cleared by hashing it', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  await blobs.markDamaged(BLOB.digest)
  assert.equal(await blobs.stat(BLOB.digest), undefined)
  assert.equal(await blobs.rehash(BLOB), 'intact')
  assert.deepEqual(await blobs.stat(BLOB.digest), BLOB)
})

test('a removed blob is gone, with what was known about it', async (t) => {
  const { blobs, ingest, root } = await place(t)
  await ingest(BYTES)
  await blobs.markDamaged(BLOB.digest)
  await blobs.remove(BLOB.digest)
  await blobs.remove(BLOB.digest)
  assert.deepEqual(await blobs.list(), [])
  assert.deepEqual(await pathsIn(join(root, 'ballast', 'damaged')), [])
})

test('what is not a blob is not listed', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  await writeFile(`${blobs.path(BLOB.digest)}.tmp`, 'x')
  assert.deepEqual(await blobs.list(), [BLOB])
})

interface Place {
  readonly root: string
  readonly blobs: BlobStore
  readonly session: Session
  readonly ingest: (
    data: Uint8Array,
    options?: Partial<IngestOptions>,
  ) => Promise<BlobInfo & { existed: boolean; digest: Digest }>
}

async function place(t: TestContext): Promise<Place> {
  const store = await temporaryStore(t)
  const session = await store.begin()
  t.after(() => session.close())
  return {
    root: store.root,
    blobs: store.blobs,
    session,
    ingest: (data, options) =>
      store.blobs.ingest(session, bytesContent(data).open(), { item: 'a file', ...options }),
  }
}
