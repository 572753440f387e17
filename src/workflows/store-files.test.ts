import assert from 'node:assert/strict'
import { appendFile, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { type Contents, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { cannotMount, temporaryTmpfs } from '../../test/fixtures/tmpfs.ts'
import { temporaryXfs } from '../../test/fixtures/xfs.ts'
import { digestOf, readAll } from '../core/index.ts'
import { encodeVersion } from '../model/index.ts'
import { createKnownFiles, type SourceFile, scanLocalFiles } from '../sources/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { type StoredFiles, type StoreFilesOptions, storeFiles } from './store-files.ts'

test('the published files give the published packs and the published version', async (t) => {
  const url = new URL('../../test/fixtures/packed-version-vector.json', import.meta.url)
  const vector = JSON.parse(await readFile(url, 'utf8')) as {
    packs: unknown[]
    manifest: string
    digest: string
  }
  const paths = Array.from({ length: 2001 }, (_, at) => `f${`${at}`.padStart(4, '0')}`)
  const { scan, storeAll } = await place(t, {
    ...Object.fromEntries([...paths, '\u00e9'].map((path) => [path, path])),
    'weights.bin': Buffer.alloc(1_048_576),
  })
  const { files } = await storeAll(await scan())
  const packs = new Map(files.flatMap(({ pack }) => (pack === undefined ? [] : [[pack.digest, pack.size]])))
  assert.deepEqual(
    [...packs].map(([digest, size]) => ({ digest, size })),
    vector.packs,
  )
  const { manifest, version } = encodeVersion(files)
  assert.deepEqual([manifest.toString(), version.digest], [vector.manifest, vector.digest])
})

test('a pack whose files are all known is not read again; one with another file is', async (t) => {
  const { source, store, scan, storeAll } = await place(t, many())
  for (const path of Object.keys(many())) await utimes(join(source, path), 1e9, 1e9)
  const first = createKnownFiles()
  const stored = await storeAll(await scan(), { known: first })
  const saved = first.save(await scan())
  const again = async (): Promise<{ readonly files: StoredFiles; readonly read: readonly string[] }> => {
    const read: string[] = []
    const known = createKnownFiles(saved)
    const onProgress: StoreFilesOptions['onProgress'] = (event) => {
      if (event.kind === 'start') read.push(event.item)
    }
    return { files: await storeAll(await scan(), { known, onProgress }), read }
  }
  const second = await again()
  assert.deepEqual(second.read, [])
  assert.equal(second.files.newBytes, 0)
  assert.equal(encodeVersion(second.files.files).version.digest, encodeVersion(stored.files).version.digest)
  await writeFile(join(source, 'many/7'), 'other')
  const third = await again()
  assert.equal(third.read.length, 1)
  const pack = third.files.files[0]?.pack
  assert.ok(pack)
  await store.blobs.remove(pack.digest)
  assert.equal((await again()).read.length, 1)
})

test('packed files are read out of their pack, and told for what they are', async (t) => {
  const { store, scan, storeAll } = await place(t, {
    ...many(),
    'z.pkl': Buffer.from('\u0080\u0004K*.', 'latin1'),
  })
  const items = new Map<string, number>()
  const stored = await storeAll(await scan(), {
    onProgress: (event) => {
      if (event.kind === 'start') items.set(event.item, event.total)
    },
  })
  assert.deepEqual(stored.pickles, ['z.pkl'])
  const [pack] = stored.files.flatMap((file) => file.pack ?? [])
  assert.deepEqual([...items], [['many/0 and 2,001 more', pack?.size]])
  assert.equal(stored.newBytes, pack?.size)
  for (const file of [stored.files[0], stored.files[1000], stored.files.at(-1)]) {
    assert.ok(file !== undefined)
    assert.equal(digestOf(await readAll(store.fileContent(file).open(), 100)), file.digest)
  }
  const again = await storeAll(await scan())
  assert.equal(again.newBytes, 0)
  assert.equal(encodeVersion(again.files).version.digest, encodeVersion(stored.files).version.digest)
})

const CHANGES: readonly (readonly [string, (path: string) => Promise<unknown>, object])[] = [
  [
    'grows',
    (path) => appendFile(path, 'more'),
    { code: 'REFUSED', message: /many\/7 changed while/, retryable: true },
  ],
  ['shrinks', (path) => truncate(path, 0), { code: 'REFUSED', message: /many\/7 changed while/ }],
  ['vanishes', (path) => rm(path), { code: 'DISK', message: /many\/7/ }],
]
for (const [what, change, expected] of CHANGES) {
  test(`a packed file that ${what} before it is read fails all, and leaves nothing`, async (t) => {
    const { store, source, scan, storeAll } = await place(t, many())
    const files = await scan()
    await change(join(source, 'many/7'))
    await assert.rejects(storeAll(files), expected)
    assert.deepEqual(await store.blobs.list(), [])
  })
}

test('moved, a file of its own becomes the blob, and packed ones are copied', async (t) => {
  const { store, source, scan, storeAll } = await place(t, {
    ...many(),
    'large.bin': Buffer.alloc(1024 * 1024, 'l'),
  })
  const { ino } = await stat(join(source, 'large.bin'))
  const before = await stat(join(source, 'many/7'))
  const { files } = await storeAll(await scan(), { move: true })
  const large = files.find(({ path }) => path === 'large.bin')
  assert.ok(large !== undefined && large.pack === undefined)
  assert.equal((await stat(store.blobs.path(large.digest))).ino, ino)
  const after = await stat(join(source, 'many/7'))
  assert.deepEqual([after.mtimeMs, after.mode, after.nlink], [before.mtimeMs, before.mode, 1])
})

test('where blocks can be shared, a source becomes a blob without a copy, and stays as it is', async (t) => {
  const xfs = await temporaryXfs(t)
  if ('skip' in xfs) return t.skip(xfs.skip)
  const source = await writeFiles(join(xfs.path, 'model'), {
    'weights.bin': Buffer.alloc(8_000_000, 'w'),
    empty: '',
  })
  await utimes(join(source, 'weights.bin'), 1e9, 1e9)
  const store = await openStore(join(xfs.path, 'store'))
  await using session = await store.begin()
  const { files } = await storeFiles(store, { session, files: (await scanLocalFiles([source])).files })
  const weights = files.find(({ path }) => path === 'weights.bin')
  assert.ok(weights)
  const [from, blob] = [await stat(join(source, 'weights.bin')), await stat(store.blobs.path(weights.digest))]
  assert.deepEqual([from.mtimeMs, from.mode & 0o777, from.nlink], [1e12, 0o644, 1])
  assert.deepEqual([blob.mtimeMs, blob.mode & 0o777, blob.nlink], [0, 0o444, 1])
  assert.notEqual(blob.ino, from.ino)
  await writeFile(join(source, 'weights.bin'), 'x', { flag: 'r+' })
  assert.equal(await store.blobs.rehash(weights), 'intact')
})

test('what cannot have room is refused before a byte is written, packs too', {
  skip: cannotMount(),
}, async (t) => {
  const { path } = await temporaryTmpfs(t, 'size=16m')
  const store = await openStore(join(path, 'store'))
  await using session = await store.begin()
  const source = await temporaryDirectory(t)
  await writeFile(join(source, 'large.bin'), '')
  await truncate(join(source, 'large.bin'), 100 * 1024 * 1024)
  const small = await writeFiles(await temporaryDirectory(t), many('x'.repeat(9000)))
  for (const directory of [source, small]) {
    const { files } = await scanLocalFiles([directory])
    await assert.rejects(storeFiles(store, { session, files }), {
      code: 'DISK',
      message: /the model needs .* MiB/,
    })
    assert.deepEqual(await store.blobs.list(), [])
  }
})

/** One more than are a blob each. */
function many(text = ''): Contents {
  return Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`many/${at}`, `${at}${text}`]))
}

async function place(
  t: TestContext,
  contents: Contents,
): Promise<{
  readonly store: Store
  readonly source: string
  readonly scan: () => Promise<readonly SourceFile[]>
  readonly storeAll: (files: readonly SourceFile[], options?: StoreFilesOptions) => Promise<StoredFiles>
}> {
  const store = await temporaryStore(t)
  const source = await writeFiles(join(await temporaryDirectory(t), 'model'), contents)
  const session = await store.begin()
  t.after(() => session.close())
  return {
    store,
    source,
    scan: async () => (await scanLocalFiles([source])).files,
    storeAll: (files, options) => storeFiles(store, { session, files }, options),
  }
}
