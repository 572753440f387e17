import assert from 'node:assert/strict'
import { chmod, mkdir, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryStore } from '../../test/fixtures/store.ts'
import { type Contents, temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { temporaryXfs } from '../../test/fixtures/xfs.ts'
import { bytesContent, digestOf } from '../core/index.ts'
import {
  decodePackedFiles,
  encodePackedFiles,
  encodeVersion,
  type ModelFile,
  parseName,
  type Version,
} from '../model/index.ts'
import { openStore, type Store } from '../store/index.ts'
import { planPack, writePack } from '../tar/index.ts'
import { checkTree } from './check.ts'
import { TREE_MANIFEST, TREE_MARKER, TREE_PACKED } from './names.ts'
import { readTree, type WrittenTree, writeTree } from './tree.ts'

test('packed files are delivered like the others, and the tree says where they are from', async (t) => {
  const { store, tree, write } = await place(t)
  const version = await storePacked(store)
  const { bytesCopied, warnings } = await write(version)
  assert.deepEqual([bytesCopied, warnings], [version.files.reduce((sum, { size }) => sum + size, 0), []])
  for (const { path, digest } of version.files)
    assert.equal(digestOf(await readFile(join(tree, path))), digest)
  assert.equal((await stat(join(tree, 'small/7'))).mode & 0o777, 0o644)
  assert.deepEqual((await readTree(tree))?.version, version)
  assert.deepEqual(await checkTree(tree, version, { full: true }), { faults: [], extra: [] })
})

test('with links, what is a blob is linked and what is packed is copied, without a word', async (t) => {
  const { store, tree, write } = await place(t)
  const version = await storePacked(store)
  const large = version.files.find(({ pack }) => pack === undefined)
  assert.ok(large)
  const { bytesCopied, warnings } = await write(version, { link: true })
  assert.deepEqual(warnings, [])
  assert.equal(bytesCopied, version.files.reduce((sum, { size }) => sum + size, 0) - large.size)
  assert.equal((await stat(join(tree, large.path))).ino, (await stat(store.blobs.path(large.digest))).ino)
  assert.equal((await stat(join(tree, 'small/7'))).nlink, 1)
})

test('where blocks can be shared, what is a blob is delivered without a copy', async (t) => {
  const xfs = await temporaryXfs(t)
  if ('skip' in xfs) return t.skip(xfs.skip)
  const { store, tree, write } = await place(t, xfs.path)
  const version = await storePacked(store)
  const large = version.files.find(({ pack }) => pack === undefined)
  assert.ok(large)
  const { bytesCopied } = await write(version)
  assert.equal(bytesCopied, version.files.reduce((sum, { size }) => sum + size, 0) - large.size)
  const { mode, nlink } = await stat(join(tree, large.path))
  assert.deepEqual([mode & 0o777, nlink], [0o644, 1])
  await writeFile(join(tree, large.path), 'written to')
  assert.equal(await store.blobs.rehash(large), 'intact')
})

for (const sameTime of [false, true]) {
  test(`a damaged pack is not delivered, ${sameTime ? 'also where nothing shows but its bytes' : 'and no file of it'}`, async (t) => {
    const { store, tree, write } = await place(t)
    const version = await storePacked(store)
    const [pack] = version.files.flatMap((file) => file.pack ?? [])
    assert.ok(pack)
    await damage(store.blobs.path(pack.digest), { offset: pack.offset, sameTime })
    await assert.rejects(write(version), { code: 'DAMAGED' })
    assert.equal(await store.blobs.stat(pack.digest), undefined, 'it is known to be damaged from now on')
    await assert.rejects(readFile(join(tree, TREE_MARKER)), { code: 'ENOENT' })
  })
}

test('a directory without a marker is no delivered tree', async (t) => {
  assert.equal(await readTree(await temporaryDirectory(t)), undefined)
})

const HARMS: readonly (readonly [string, (tree: string) => Promise<unknown>])[] = [
  ['its manifest is gone', (tree) => rm(join(tree, TREE_MANIFEST))],
  ['its marker is not one', (tree) => writeFile(join(tree, TREE_MARKER), '{}')],
  ['its list of packed files is gone', (tree) => rm(join(tree, TREE_PACKED))],
  ['its list of packed files is none', (tree) => writeFile(join(tree, TREE_PACKED), '{"packs":7}')],
  ['its list of packed files is empty', (tree) => writeFile(join(tree, TREE_PACKED), '{"packs":[]}')],
  [
    'its list tells of another pack',
    (tree) => rewriteList(tree, (file) => inPack(file, digestOf('another'))),
  ],
  [
    'its list tells of one pack more',
    (tree) => rewriteList(tree, (file, at) => (at === 0 ? inPack(file, digestOf('another')) : file)),
  ],
]
for (const [what, harm] of HARMS) {
  test(`a tree is refused where ${what}`, async (t) => {
    const { store, tree, write } = await place(t)
    await write(await storePacked(store))
    await harm(tree)
    await assert.rejects(readTree(tree), {
      code: 'DAMAGED',
      message: new RegExp(`^${tree}: its own files are incomplete`),
    })
  })
}

test('a tree whose manifest is that of another version, or whose packed files lead out of it, is refused', async (t) => {
  const { store, tree, write } = await place(t)
  const version = await storePacked(store)
  await write(version)
  await rewriteList(tree, (file, at) => (at === 0 ? { ...file, path: '../../out' } : file))
  await assert.rejects(readTree(tree), { code: 'REFUSED' })
  const { manifest } = encodeVersion([{ path: 'a', digest: digestOf('a'), size: 1 }])
  await writeFile(join(tree, TREE_MANIFEST), manifest)
  await assert.rejects(readTree(tree), { code: 'DAMAGED', message: /another version/ })
})

/** In the bytes of a file: what lies between them is delivered nowhere. */
async function damage(
  path: string,
  { offset, sameTime }: { readonly offset: number; readonly sameTime: boolean },
): Promise<void> {
  const { atime, mtime } = await stat(path)
  await chmod(path, 0o644)
  const handle = await open(path, 'r+')
  await handle.write('!', offset)
  await handle.close()
  if (sameTime) await utimes(path, atime, mtime)
}

async function rewriteList(tree: string, change: (file: ModelFile, at: number) => ModelFile): Promise<void> {
  const files = decodePackedFiles(await readFile(join(tree, TREE_PACKED))) ?? []
  assert.ok(files.length > 2000)
  await writeFile(join(tree, TREE_PACKED), encodePackedFiles(files.map(change)))
}

function inPack(file: ModelFile, digest: ReturnType<typeof digestOf>): ModelFile {
  return file.pack === undefined ? file : { ...file, pack: { ...file.pack, digest } }
}

/** 2,001 packed files and a large one. */
async function storePacked(store: Store): Promise<Version> {
  const contents: Contents = Object.fromEntries(
    Array.from({ length: 2001 }, (_, at) => [`small/${at}`, `${at}`]),
  )
  const files = Object.entries(contents)
    .map(([path, text]) => ({ path, bytes: Buffer.from(text), size: text.length }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  await using session = await store.begin()
  const put = (chunks: AsyncIterable<Uint8Array>): ReturnType<Store['blobs']['ingest']> =>
    store.blobs.ingest(session, chunks, { item: 'a test' })
  const { digest, size } = await put(writePack(files, async ({ bytes }) => bytes))
  const { offsets } = planPack(files)
  const packed = files.map(({ path, bytes }, at) => {
    return {
      path,
      digest: digestOf(bytes),
      size: bytes.length,
      pack: { digest, size, offset: offsets[at] ?? 0 },
    }
  })
  const large = Buffer.alloc(1024 * 1024, 'large')
  const blob = await put(bytesContent(large).open())
  const { version, manifest, config } = encodeVersion([
    ...packed,
    { path: 'large.bin', digest: blob.digest, size: blob.size },
  ])
  for (const data of [config, manifest]) await put(bytesContent(data).open())
  return version
}

async function place(
  t: TestContext,
  directory?: string,
): Promise<{
  readonly store: Store
  readonly tree: string
  readonly write: (version: Version, options?: { readonly link: boolean }) => Promise<WrittenTree>
}> {
  const parent = directory ?? (await temporaryDirectory(t))
  const store = directory === undefined ? await temporaryStore(t) : await openStore(join(directory, 'store'))
  const tree = join(parent, 'tree')
  await mkdir(tree)
  return {
    store,
    tree,
    write(version, options = { link: false }) {
      const marker = { model: parseName('many'), digest: version.digest, number: 1, reference: 'many:1' }
      return writeTree(store, { tree, version, marker }, options)
    },
  }
}
