import assert from 'node:assert/strict'
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { flipBit, temporaryStore } from '../../test/fixtures/store.ts'
import { bytesContent, digestOf, hexOf } from '../core/index.ts'
import { MODEL_FILE, MODEL_MANIFEST, MODEL_PACK, type ModelFile, OCI_MANIFEST } from '../model/index.ts'
import { encodeHeader, paddingOf, planPack, TAR_END, type TarEntry, writePack } from '../tar/index.ts'
import { layoutOf } from './layout.ts'
import type { Pack } from './packs.ts'
import type { Session } from './session.ts'
import type { Store } from './store.ts'

test('what is remembered of a pack and what is read in it are the same', async (t) => {
  const { store, session, put } = await place(t)
  const contents = { a: 'first', 'b/ünï': '', 'b/c': 'x'.repeat(70_000), [`long/${'n'.repeat(255)}`]: 'end' }
  const { pack, files } = await packOf(contents)
  await put(files.bytes)
  const read = await store.packs.filesOf(pack)
  assert.deepEqual(read, files.expected)
  await store.packs.remember(session, pack, read)
  assert.deepEqual(await store.packs.filesOf(pack), read)
  await rm(store.blobs.path(pack.digest))
  assert.deepEqual(await store.packs.filesOf(pack), read)
})

test('directories in an archive of another tool are passed over, and its owners and modes do not matter', async (t) => {
  const { store, put } = await place(t)
  const bytes = tarOf([
    { path: 'd', type: 'directory', mode: 0o700 },
    { path: 'd/f', mode: 0o4755, uid: 1000, gid: 1000, text: 'bytes' },
  ])
  const pack = await put(bytes)
  const [file, ...others] = await store.packs.filesOf(pack)
  assert.deepEqual([file?.path, file?.digest, file?.size], ['d/f', digestOf('bytes'), 5])
  assert.deepEqual(others, [])
})

const good: Entry = { path: 'good', text: 'bytes' }
const HOSTILE: readonly (readonly [string, Buffer, string])[] = [
  ['a symbolic link', tarOf([good, { path: 'l', type: 'symlink', link: '/etc/passwd' }]), 'REFUSED'],
  ['a hard link', tarOf([good, { path: 'l', type: 'hardlink', link: 'good' }]), 'REFUSED'],
  ['a device', tarOf([good, { path: 'dev', type: 'other' }]), 'REFUSED'],
  ['a path that leads out', tarOf([{ path: '../out', text: 'x' }]), 'REFUSED'],
  ['a path that leads out from within', tarOf([{ path: 'a/../../out', text: 'x' }]), 'REFUSED'],
  ['an absolute path', tarOf([{ path: '/etc/passwd', text: 'x' }]), 'REFUSED'],
  ['a path with a point in front', tarOf([{ path: './a', text: 'x' }]), 'REFUSED'],
  ['our own directory', tarOf([{ path: '.ballast/model.json', text: '{}' }]), 'REFUSED'],
  ['a whiteout', tarOf([{ path: '.wh.model.bin', text: '' }]), 'REFUSED'],
  ['a newline in a name', tarOf([{ path: 'a\nb', text: '' }]), 'REFUSED'],
  ['a name that is not UTF-8', changedName(tarOf([{ path: 'aXb', text: '' }]), 0xff), 'REFUSED'],
  ['no files', TAR_END, 'REFUSED'],
  ['directories only', tarOf([{ path: 'd', type: 'directory' }]), 'REFUSED'],
  ['no archive', Buffer.from('weights '.repeat(200)), 'DAMAGED'],
  [
    'an archive that is cut short',
    tarOf([{ path: 'a', text: 'x'.repeat(2000) }]).subarray(0, 1500),
    'DAMAGED',
  ],
  ['a body that reaches behind the end', encodeHeader(entryOf({ path: 'a' }, 10 ** 12)), 'DAMAGED'],
]
for (const [what, bytes, code] of HOSTILE) {
  test(`a pack with ${what} is not believed`, async (t) => {
    const { store, put } = await place(t)
    const pack = await put(bytes)
    await assert.rejects(store.packs.filesOf(pack), { code })
    await assert.rejects(store.decodeVersion(manifestOf([pack])), { code })
    assert.deepEqual((await store.verify()).problems, [], 'its bytes are what its digest says')
  })
}

test('a file that occurs twice, in one pack or in two, or that a blob has too, is refused', async (t) => {
  const { store, put } = await place(t)
  const one = await put(tarOf([good, { path: 'other', text: '1' }]))
  const two = await put(tarOf([{ path: 'good', text: 'other bytes' }]))
  const below = await put(tarOf([{ path: 'good/below', text: '' }]))
  const twice = await put(tarOf([good, good]))
  assert.equal((await store.decodeVersion(manifestOf([one]))).files.length, 2)
  const file = { path: 'other', digest: digestOf('1'), size: 1 }
  for (const manifest of [
    manifestOf([twice]),
    manifestOf([one, two]),
    manifestOf([one, one]),
    manifestOf([one, below]),
    manifestOf([one], [file]),
  ])
    await assert.rejects(store.decodeVersion(manifest), {
      code: 'REFUSED',
      message: /two files called|both a file and a directory/,
    })
})

test('a manifest that gives a pack another size is not read, remembered or not, and harms nobody else', async (t) => {
  const { store, session, put } = await place(t)
  const pack = await put(
    tarOf([
      { path: 'a', text: 'first' },
      { path: 'b', text: 'second' },
    ]),
  )
  for (const isRemembered of [false, true]) {
    if (isRemembered) await store.packs.remember(session, pack, await store.packs.filesOf(pack))
    // The first is where the archive would end well after its first file.
    for (const size of [1024, 0, pack.size - 512, pack.size + 512])
      await assert.rejects(store.packs.filesOf({ ...pack, size }), { code: 'DAMAGED' })
    assert.equal((await store.packs.filesOf(pack)).length, 2)
  }
})

test('a pack that was damaged without a trace is found so before its files are believed', async (t) => {
  const { store, put } = await place(t)
  const { pack, files } = await packOf({ a: 'x'.repeat(5000), b: 'y'.repeat(5000) })
  await put(files.bytes)
  await flipBit(store.blobs.path(pack.digest), { sameTime: true })
  await assert.rejects(store.packs.filesOf(pack), { code: 'DAMAGED', message: new RegExp(pack.digest) })
  assert.equal(await store.blobs.stat(pack.digest), undefined)
  // Storing it again mends it.
  await put(files.bytes)
  assert.deepEqual(await store.packs.filesOf(pack), files.expected)
})

test('a pack that is not there is not found', async (t) => {
  const { store } = await place(t)
  await assert.rejects(store.packs.filesOf({ digest: digestOf('nothing'), size: 1024 }), {
    code: 'NOT_FOUND',
  })
})

test('what is remembered wrongly is read again', async (t) => {
  const { store, session, put } = await place(t)
  const { pack, files } = await packOf({ a: '1', b: '2' })
  await put(files.bytes)
  await store.packs.remember(session, pack, files.expected)
  const path = join(layoutOf(store.root).cache, 'packs', hexOf(pack.digest))
  const other = { digest: digestOf('another'), size: pack.size, files: [['a', digestOf('1'), 1, 0]] }
  for (const text of ['', '{"packs":[]}', '{"packs":[{}]}', JSON.stringify({ packs: [other] })]) {
    await writeFile(path, text)
    assert.deepEqual(await store.packs.filesOf(pack), files.expected)
  }
})

test('what is remembered of a pack stays for as long as the pack does, and goes with it', async (t) => {
  const { store, session, put } = await place(t)
  const { pack, files } = await packOf({ a: '1' })
  await put(files.bytes)
  await store.packs.remember(session, pack, files.expected)
  const directory = join(layoutOf(store.root).cache, 'packs')
  await utimes(join(directory, hexOf(pack.digest)), 1e9, 1e9)
  await store.gc()
  assert.ok((await stat(store.blobs.path(pack.digest))).isFile(), 'the session leases it')
  assert.deepEqual(await readdir(directory), [hexOf(pack.digest)])
  await session.close()
  await store.gc()
  assert.deepEqual(await readdir(directory), [])
})

interface Entry extends Partial<TarEntry> {
  readonly path: string
  readonly text?: string
}

function entryOf({ path, text: _, ...other }: Entry, size: number): TarEntry {
  return { type: 'file', mode: 0o644, uid: 0, gid: 0, ...other, path, size }
}

function tarOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const data = Buffer.from(entry.text ?? '')
    return [encodeHeader(entryOf(entry, data.length)), data, Buffer.alloc(paddingOf(data.length))]
  })
  return Buffer.concat([...parts, TAR_END])
}

/** The second byte of the first name replaced, and the checksum with it. */
function changedName(archive: Buffer, byte: number): Buffer {
  const changed = Buffer.from(archive)
  const sum = Number.parseInt(changed.toString('latin1', 148, 154), 8) - (changed[1] ?? 0) + byte
  changed[1] = byte
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return changed
}

async function packOf(contents: Readonly<Record<string, string>>): Promise<{
  readonly pack: Pack
  readonly files: { readonly bytes: Buffer; readonly expected: readonly ModelFile[] }
}> {
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    text,
    size: Buffer.byteLength(text),
  }))
  const parts: Uint8Array[] = []
  for await (const part of writePack(files, async ({ text }) => Buffer.from(text))) parts.push(part)
  const bytes = Buffer.concat(parts)
  const pack = { digest: digestOf(bytes), size: bytes.length }
  const { offsets } = planPack(files)
  const expected = files.map(({ path, text, size }, at) => {
    return { path, digest: digestOf(text), size, pack: { ...pack, offset: offsets[at] ?? 0 } }
  })
  return { pack, files: { bytes, expected } }
}

function manifestOf(packs: readonly Pack[], files: readonly ModelFile[] = []): Buffer {
  const layers = [
    ...files.map(({ path, digest, size }) => {
      return { mediaType: MODEL_FILE, digest, size, annotations: { 'org.cncf.model.filepath': path } }
    }),
    ...packs.map(({ digest, size }) => ({ mediaType: MODEL_PACK, digest, size })),
  ]
  const config = { mediaType: 'application/vnd.cncf.model.config.v1+json', digest: digestOf('{}'), size: 2 }
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: MODEL_MANIFEST,
      config,
      layers,
    }),
  )
}

interface Place {
  readonly store: Store
  readonly session: Session
  readonly put: (bytes: Buffer) => Promise<Pack>
}

async function place(t: TestContext): Promise<Place> {
  const store = await temporaryStore(t)
  const session = await store.begin()
  t.after(() => session.close())
  return {
    store,
    session,
    async put(bytes) {
      const { digest, size } = await store.blobs.ingest(session, bytesContent(bytes).open(), {
        item: 'a pack',
      })
      return { digest, size }
    },
  }
}
