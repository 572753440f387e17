import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { pathsIn, temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { encodeHeader, paddingOf, TAR_END, type TarEntry } from '../tar/index.ts'
import { createTarTree, type TarTree } from './tar-source.ts'

type Entry = Partial<TarEntry> & { readonly path: string; readonly text?: string }

async function tree(t: TestContext, root = 'models'): Promise<TarTree & { readonly directory: string }> {
  const directory = await temporaryDirectory(t)
  return { directory, ...createTarTree({ directory, root, absolute: '/app/models' }) }
}

async function* tar(entries: readonly Entry[]): AsyncIterable<Uint8Array> {
  for (const { text = '', ...entry } of entries) {
    const body = Buffer.from(text)
    const plain = { type: 'file', size: body.length, mode: 0o644, uid: 0, gid: 0 } as const
    yield encodeHeader({ ...plain, ...entry })
    yield Buffer.concat([body, Buffer.alloc(paddingOf(body.length))])
  }
  yield TAR_END
}

async function contents(found: TarTree): Promise<Readonly<Record<string, string>>> {
  const { files } = await found.scan()
  const texts = files.map(async ({ path, place }) => [path, await readFile(place, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(texts))
}

test('files below the root get their paths in it, and nothing stands under a name that the archive says', async (t) => {
  const found = await tree(t)
  await found.take(
    tar([
      { path: 'models/', type: 'directory' },
      { path: './models/b/weights.bin', text: 'weights' },
      { path: 'models/a.json', text: '{}' },
      { path: 'models/.ballast/model.json', text: 'ours' },
      { path: 'other/a.json', text: 'no' },
      { path: '../models/evil', text: 'no' },
    ]),
  )
  assert.deepEqual(await contents(found), { 'a.json': '{}', 'b/weights.bin': 'weights' })
  for (const path of await pathsIn(found.directory)) assert.match(path, /^captured-\d+$/)
})

test('a later entry replaces a former one, a file a directory and a directory a file', async (t) => {
  const found = await tree(t)
  await found.take(
    tar([
      { path: 'models/a', text: '1' },
      { path: 'models/a', text: '2' },
      { path: 'models/d/x', text: '1' },
      { path: 'models/d', text: 'file' },
      { path: 'models/e', text: 'file' },
      { path: 'models/e/x', text: 'inner' },
    ]),
  )
  assert.deepEqual(await contents(found), { a: '2', d: 'file', 'e/x': 'inner' })
})

test('hard links and symbolic links inside the root are followed, each path with bytes of its own', async (t) => {
  const found = await tree(t)
  await found.take(
    tar([
      { path: 'models/real/w.bin', text: 'bytes' },
      { path: 'models/hard.bin', type: 'hardlink', link: 'models/real/w.bin' },
      { path: 'models/soft.bin', type: 'symlink', link: 'current/w.bin' },
      { path: 'models/current', type: 'symlink', link: '/app/models/real' },
    ]),
  )
  assert.deepEqual(await contents(found), {
    'current/w.bin': 'bytes',
    'hard.bin': 'bytes',
    'real/w.bin': 'bytes',
    'soft.bin': 'bytes',
  })
  const places = (await found.scan()).files.map(({ place }) => place)
  assert.equal(new Set(places).size, 4)
})

test('a single file is found under its own name', async (t) => {
  const found = await tree(t, 'models')
  await found.take(tar([{ path: 'models', text: 'x' }]))
  assert.deepEqual(await contents(found), { models: 'x' })
})

test('what is known to be of no use is not kept', async (t) => {
  const found = await tree(t)
  const entries = [
    { path: 'models/a', text: '1' },
    { path: './models/b', text: '2' },
  ]
  await found.take(tar(entries), { wanted: (path) => path === 'models/b' })
  assert.deepEqual(await contents(found), { b: '2' })
  assert.deepEqual(await pathsIn(found.directory), ['captured-0'])
})

const REFUSED: Readonly<Record<string, readonly Entry[]>> = {
  'a device': [{ path: 'models/null', type: 'other' }],
  'a symbolic link that leads out': [{ path: 'models/x', type: 'symlink', link: '../../etc/passwd' }],
  'an absolute symbolic link elsewhere': [{ path: 'models/x', type: 'symlink', link: '/etc/passwd' }],
  'a symbolic link to a place that only begins alike': [
    { path: 'models/x', type: 'symlink', link: '/app/models2/x' },
  ],
  'a symbolic link that leads nowhere': [{ path: 'models/x', type: 'symlink', link: 'y' }],
  'symbolic links in a circle': [
    { path: 'models/x', type: 'symlink', link: 'y' },
    { path: 'models/y', type: 'symlink', link: 'x' },
  ],
  'a link to a directory above': [
    { path: 'models/a/w', text: '1' },
    { path: 'models/a/up', type: 'symlink', link: '..' },
  ],
  'a hard link to what is outside': [
    { path: 'secret', text: '1' },
    { path: 'models/x', type: 'hardlink', link: 'secret' },
  ],
  'a name with a control character': [{ path: 'models/a\u001b[2J', text: '1' }],
  'a name that deletes in an image': [{ path: 'models/.wh.x', text: '1' }],
  'nothing but directories': [{ path: 'models/', type: 'directory' }],
}
for (const [what, entries] of Object.entries(REFUSED)) {
  test(`refused: ${what}`, async (t) => {
    const found = await tree(t)
    const scanned = found.take(tar(entries)).then(() => found.scan())
    await assert.rejects(scanned, (error) => isBallastError(error, 'REFUSED'))
  })
}

test('a root that the archive has not got is not found', async (t) => {
  const found = await tree(t)
  await found.take(tar([{ path: 'other', text: '1' }]))
  await assert.rejects(found.scan(), (error) => isBallastError(error, 'NOT_FOUND'))
})
