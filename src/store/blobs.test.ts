import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { chmod, chown, link, readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { pathsIn } from '../../test/fixtures/temporary.ts'
import { bytesContent, type Digest, digestOf, readAll } from '../core/index.ts'
import type { BlobInfo, IngestOptions } from './blob-file.ts'
import type { BlobStore } from './blobs.ts'
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

test('a wrong size in somebody’s manifest is said, and damages no blob', async (t) => {
  const { blobs, ingest } = await place(t)
  await ingest(BYTES)
  for (const size of [0, BYTES.length - 1, BYTES.length + 1]) {
    await assert.rejects(blobs.ensureIntact({ ...BLOB, size }), {
      code: 'DAMAGED',
      message: new RegExp(`${size} bytes expected`),
    })
    assert.equal(await blobs.rehash({ ...BLOB, size }), 'damaged')
  }
  assert.deepEqual(await blobs.stat(BLOB.digest), BLOB)
  await blobs.ensureIntact(BLOB)
})

test('a file that is put into its place becomes a blob, with the mode and time of one', async (t) => {
  const { blobs, session, root } = await place(t)
  const source = join(root, '..', 'model.bin')
  await writeFile(source, BYTES)
  const heads: string[] = []
  const onHead = (head: Uint8Array): unknown => heads.push(Buffer.from(head).toString())
  const put = (path: string): Promise<boolean> => link(source, path).then(() => true)
  assert.deepEqual(await blobs.ingestPlaced(session, put, { item: 'a file', onHead }), {
    ...BLOB,
    existed: false,
  })
  assert.deepEqual(heads, [BYTES.toString()])
  const { ino, mode, mtimeMs } = await stat(blobs.path(BLOB.digest))
  assert.deepEqual([ino, mode & 0o777, mtimeMs], [(await stat(source)).ino, 0o444, 0])
  // The same bytes once more: the blob that is there stays.
  await writeFile(`${source}.2`, BYTES)
  const again = await blobs.ingestPlaced(session, (path) => link(`${source}.2`, path).then(() => true), {
    item: 'a file',
  })
  assert.equal(again?.existed, true)
  assert.equal((await stat(blobs.path(BLOB.digest))).ino, ino)
  assert.deepEqual((await readdir(session.directory)).sort(), ['leases', 'process'])
})

test('where nothing can be put into place, nothing is stored', async (t) => {
  const { blobs, session } = await place(t)
  assert.equal(await blobs.ingestPlaced(session, async () => false, { item: 'a file' }), undefined)
  const failing = blobs.ingestPlaced(session, () => Promise.reject(new Error('no link')), { item: 'a file' })
  await assert.rejects(failing, /no link/)
  assert.deepEqual(await blobs.list(), [])
  assert.deepEqual((await readdir(session.directory)).sort(), ['leases', 'process'])
})

test('a file that somebody writes to while it becomes a blob is refused, and keeps its mode and time', async (t) => {
  const { blobs, session, root } = await place(t)
  const source = join(root, '..', 'model.bin')
  await writeFile(source, BYTES)
  await utimes(source, 1e9, 1e9)
  const before = await stat(source)
  const options: IngestOptions = { item: 'model.bin', onHead: () => appendFileSync(source, '!') }
  const put = (path: string): Promise<boolean> => link(source, path).then(() => true)
  const failing = blobs.ingestPlaced(session, put, options)
  await assert.rejects(failing, {
    code: 'REFUSED',
    message: /model.bin changed while it was read/,
    retryable: true,
  })
  assert.deepEqual(await blobs.list(), [])
  const { mode, nlink } = await stat(source)
  assert.deepEqual([mode, nlink], [before.mode, 1])
})

test('a file of another user that root makes a blob is that user’s no more', {
  skip: process.geteuid?.() !== 0 && 'giving files to other users needs root',
}, async (t) => {
  const { blobs, session, root } = await place(t)
  const source = join(root, '..', 'model.bin')
  await writeFile(source, BYTES)
  await chown(source, 12_345, 12_345)
  await blobs.ingestPlaced(session, (path) => link(source, path).then(() => true), { item: 'a file' })
  assert.equal((await stat(blobs.path(BLOB.digest))).uid, 0)
})

test('a source that cannot even be ended leaves no open file', async (t) => {
  const { blobs, session } = await place(t)
  const before = (await readdir('/proc/self/fd')).length
  const source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(new Error('the source failed')),
      return: () => Promise.reject(new Error('and cannot be ended')),
    }),
  }
  for (let turn = 0; turn < 5; turn++) await assert.rejects(blobs.ingest(session, source, { item: 'a file' }))
  assert.ok((await readdir('/proc/self/fd')).length <= before)
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
