import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFile, mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { CHUNK_SIZE, readAll } from '../core/index.ts'
import { type Scan, type SourceFile, scanLocalFiles } from './local-files.ts'
import { type Patterns, pathFilter } from './patterns.ts'

test("a directory's files are found under their paths in it", async (t) => {
  const source = await writeFiles(await temporaryDirectory(t), {
    'a.bin': 'a',
    'deep/er/b.bin': 'bb',
    '.hidden': '',
  })
  const scan = await scanLocalFiles([source])
  assert.deepEqual(sizes(scan), { '.hidden': 0, 'a.bin': 1, 'deep/er/b.bin': 2 })
  assert.deepEqual(scan.skipped, [])
  assert.equal(await text(scan, 'deep/er/b.bin'), 'bb')
})

test('a file is found under its own name, also one that is reached through a link', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), {
    'blobs/0a1b': 'weights',
    'in/model.pkl': 'p',
  })
  await symlink('blobs/0a1b', join(directory, 'weights.bin'))
  const scan = await scanLocalFiles([join(directory, 'weights.bin'), join(directory, 'in/model.pkl')])
  assert.deepEqual(sizes(scan), { 'weights.bin': 7, 'model.pkl': 1 })
  assert.equal(await text(scan, 'weights.bin'), 'weights')
})

test('a source directory may itself be a link', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'real/a.bin': 'a' })
  await symlink('real', join(directory, 'current'))
  assert.deepEqual(sizes(await scanLocalFiles([join(directory, 'current')])), { 'a.bin': 1 })
})

test('files larger than a chunk come back whole', async (t) => {
  const directory = await temporaryDirectory(t)
  const data = Buffer.alloc(2 * CHUNK_SIZE + 17, 'chunky')
  await writeFile(join(directory, 'large.bin'), data)
  const { files } = await scanLocalFiles([directory])
  assert.deepEqual(await readAll(bytesOf(files[0] as SourceFile), Infinity), data)
})

test('links that stay inside the source are followed, to files and to directories', async (t) => {
  const source = await writeFiles(await temporaryDirectory(t), { 'v1/a.bin': 'a' })
  await symlink('v1', join(source, 'latest'))
  await symlink('../v1/a.bin', join(source, 'v1', 'alias.bin'))
  assert.deepEqual(sizes(await scanLocalFiles([source])), {
    'latest/a.bin': 1,
    'latest/alias.bin': 1,
    'v1/a.bin': 1,
    'v1/alias.bin': 1,
  })
})

const BAD_LINKS: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['leads out', { 'model/x.bin': '../secret' }, /leads out of the source, to .*secret/],
  ['leads to a directory outside', { 'model/x': '..' }, /leads out of the source/],
  ['leads to the root', { 'model/x': '/' }, /leads out of the source/],
  ['leads out over a second link', { 'model/x': 'y', 'model/y': '../secret' }, /leads out of the source/],
  ['leads nowhere', { 'model/x': 'missing' }, /leads nowhere/],
  ['leads to itself', { 'model/x': 'x' }, /leads nowhere/],
  ['leads through a file', { 'model/x': 'a.bin/y' }, /leads nowhere/],
  ['leads back up', { 'model/deep/x': '..' }, /leads back/],
  ['leads to the source', { 'model/x': '.' }, /leads back/],
  [
    'leads to a directory that leads back',
    { 'model/deep/x': '../other', 'model/other/y': '../deep' },
    /leads back/,
  ],
]

for (const [what, links, reason] of BAD_LINKS) {
  test(`a link that ${what} is refused by name`, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeFiles(directory, { secret: 's', 'model/a.bin': 'a' })
    for (const [path, to] of Object.entries(links)) {
      await mkdir(join(directory, path, '..'), { recursive: true })
      await symlink(to, join(directory, path))
    }
    await assert.rejects(scanLocalFiles([join(directory, 'model')]), { code: 'REFUSED', message: reason })
  })
}

test('a directory whose name begins like the source is still outside of it', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'model/a': 'a', 'model-secret/b': 'b' })
  await symlink('../model-secret/b', join(directory, 'model/x'))
  await assert.rejects(scanLocalFiles([join(directory, 'model')]), { code: 'REFUSED' })
})

test('a snapshot of a hub cache, and a directory in one, leads to the blobs of its own model', async (t) => {
  const cache = await temporaryDirectory(t)
  const model = join(cache, 'models--org--name')
  await writeFiles(model, { 'blobs/aa11': 'weights', 'blobs/bb22': '{}' })
  const snapshot = join(model, 'snapshots/0123abcd')
  await mkdir(join(snapshot, 'onnx'), { recursive: true })
  await symlink('../../blobs/bb22', join(snapshot, 'config.json'))
  await symlink('../../../blobs/aa11', join(snapshot, 'onnx/model.onnx'))
  const scan = await scanLocalFiles([snapshot])
  assert.deepEqual(sizes(scan), { 'config.json': 2, 'onnx/model.onnx': 7 })
  assert.equal(await text(scan, 'onnx/model.onnx'), 'weights')
  assert.deepEqual(sizes(await scanLocalFiles([join(snapshot, 'onnx')])), { 'model.onnx': 7 })
})

test('a snapshot does not lead to the blobs of another model', async (t) => {
  const cache = await temporaryDirectory(t)
  await writeFiles(cache, { 'models--org--other/blobs/aa': 'x', 'models--org--name/snapshots/0123/a': 'a' })
  const link = join(cache, 'models--org--name/snapshots/0123/x.bin')
  await symlink('../../../models--org--other/blobs/aa', link)
  await assert.rejects(scanLocalFiles([join(link, '..')]), { code: 'REFUSED', message: /leads out/ })
})

test('empty directories are left out and reported', async (t) => {
  const source = await writeFiles(await temporaryDirectory(t), { 'a.bin': 'a' })
  await mkdir(join(source, 'logs/empty'), { recursive: true })
  const { files, skipped } = await scanLocalFiles([source])
  assert.equal(files.length, 1)
  assert.deepEqual(skipped, ['logs/empty/: an empty directory'])
})

test('a source without a single file is refused', async (t) => {
  const source = await temporaryDirectory(t)
  await assert.rejects(scanLocalFiles([source]), { code: 'REFUSED', message: /no files/ })
})

test('a source that does not exist is not found, and the message says where it was looked for', async (t) => {
  const missing = join(await temporaryDirectory(t), 'missing')
  await assert.rejects(scanLocalFiles([missing]), { code: 'NOT_FOUND', message: new RegExp(missing) })
})

test('a pipe is refused, inside a source and as one', async (t) => {
  const source = await writeFiles(await temporaryDirectory(t), { 'a.bin': 'a' })
  await promisify(execFile)('mkfifo', [join(source, 'pipe')])
  for (const path of [source, join(source, 'pipe')]) {
    await assert.rejects(scanLocalFiles([path]), { code: 'REFUSED', message: /pipe is not a regular file/ })
  }
})

test('unsafe names are refused before anything is read', async (t) => {
  for (const name of ['.ballast/model.json', '.wh.model.pkl', 'new\nline']) {
    const source = await writeFiles(await temporaryDirectory(t), { [name]: 'x' })
    await assert.rejects(scanLocalFiles([source]), { code: 'REFUSED', message: /unsafe file name/ })
  }
})

test('names are kept byte for byte, composed and decomposed', async (t) => {
  const source = await writeFiles(await temporaryDirectory(t), {
    '\u00e9': '1',
    'e\u0301': '2',
    '\u{1f600}': '3',
  })
  assert.deepEqual(
    Object.keys(sizes(await scanLocalFiles([source]))).sort(),
    ['e\u0301', '\u00e9', '\u{1f600}'].sort(),
  )
})

test('a name that is not UTF-8 is refused', async (t) => {
  const source = await temporaryDirectory(t)
  await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe])]), 'x')
  await assert.rejects(scanLocalFiles([source]), { code: 'REFUSED', message: /UTF-8/ })
})

const CHANGES: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['grows', (path) => appendFile(path, 'more')],
  ['is written to in place', (path) => utimes(path, 1e9, 1e9)],
]

for (const [what, change] of CHANGES) {
  test(`a file that ${what} while it is read is refused`, async (t) => {
    const directory = await temporaryDirectory(t)
    const path = join(directory, 'model.bin')
    await writeFile(path, Buffer.alloc(CHUNK_SIZE + 1))
    const { files } = await scanLocalFiles([path])
    const reading = (async () => {
      let first = true
      for await (const _ of bytesOf(files[0] as SourceFile)) {
        if (first) await change(path)
        first = false
      }
    })()
    await assert.rejects(reading, { code: 'REFUSED', message: /changed while it was read/, retryable: true })
  })
}

test('a file that is replaced by a rename while it is read is read as it was', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'model.bin')
  const data = Buffer.alloc(CHUNK_SIZE + 1, 'old')
  await writeFile(path, data)
  const { files } = await scanLocalFiles([path])
  const parts: Uint8Array[] = []
  for await (const part of bytesOf(files[0] as SourceFile)) {
    if (parts.length === 0) {
      await writeFile(`${path}.new`, 'new')
      await rename(`${path}.new`, path)
    }
    parts.push(part)
  }
  assert.deepEqual(Buffer.concat(parts), data)
})

test('a file that vanishes before it is read is explained', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'a'), 'a')
  const { files } = await scanLocalFiles([directory])
  await rename(join(directory, 'a'), join(directory, 'b'))
  await assert.rejects(readAll(bytesOf(files[0] as SourceFile), 10), {
    code: 'DISK',
    message: /no such file/,
  })
})

test('several sources are one model', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), {
    'a/x': '1',
    'b/y': '22',
    'config.json': '{}',
  })
  const scan = await scanLocalFiles([
    join(directory, 'a'),
    join(directory, 'b'),
    join(directory, 'config.json'),
  ])
  assert.deepEqual(sizes(scan), { x: 1, y: 2, 'config.json': 2 })
})

function sizes({ files }: Scan): Readonly<Record<string, number>> {
  return Object.fromEntries(files.map(({ path, size }) => [path, size]))
}

async function text({ files }: Scan, path: string): Promise<string> {
  const file = files.find((candidate) => candidate.path === path)
  if (file === undefined) throw new Error(`${path} was not found`)
  return (await readAll(bytesOf(file), 1000)).toString()
}

async function* bytesOf(file: SourceFile): AsyncIterable<Uint8Array> {
  const source = await file.open()
  const buffer = new Uint8Array(CHUNK_SIZE)
  try {
    for (let length = await source.read(buffer); length > 0; length = await source.read(buffer))
      yield Buffer.from(buffer.subarray(0, length))
  } finally {
    await source.close()
  }
}

test('what patterns leave out is not looked at, and nothing is said of it', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), {
    'weights.bin': '',
    'logs/run.log': '',
    'deep/er/config.json': '',
  })
  await symlink('/etc/hostname', join(directory, 'logs/out'))
  await symlink('/etc/hostname', join(directory, 'out.tmp'))
  await symlink('deep', join(directory, 'link'))
  const paths = async (patterns: Patterns): Promise<readonly string[]> =>
    (await scanLocalFiles([directory], { filter: pathFilter(patterns) })).files.map(({ path }) => path)
  assert.deepEqual(await paths({ exclude: ['logs/', '*.tmp'] }), [
    'deep/er/config.json',
    'link/er/config.json',
    'weights.bin',
  ])
  assert.deepEqual(await paths({ include: ['config.json'] }), ['deep/er/config.json', 'link/er/config.json'])
  await assert.rejects(paths({ include: ['absent'] }), /no files in .* that the patterns leave/)
})
