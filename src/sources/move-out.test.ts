import assert from 'node:assert/strict'
import { appendFile, link, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathsIn, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { cannotMount, temporaryTmpfs } from '../../test/fixtures/tmpfs.ts'
import { type SourceFile, scanLocalFiles } from './local-files.ts'
import { linkOut, refuseLinked, removeMoved } from './move-out.ts'

test('a file gets a second name and keeps its inode', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'in/a': 'weights' })
  const file = await only(join(directory, 'in'))
  assert.equal(await linkOut(file, join(directory, 'out')), true)
  assert.equal((await stat(join(directory, 'out'))).ino, (await stat(join(directory, 'in/a'))).ino)
})

test('a file with another name, and one of another file system, is not linked', {
  skip: cannotMount(),
}, async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'in/a': 'weights' })
  const other = await temporaryTmpfs(t)
  assert.equal(await linkOut(await only(join(directory, 'in')), join(other.path, 'out')), false)
  await link(join(directory, 'in/a'), join(directory, 'twin'))
  assert.equal(await linkOut(await only(join(directory, 'in')), join(directory, 'out')), false)
  assert.deepEqual(await pathsIn(directory), ['in/', 'in/a', 'twin'])
  assert.deepEqual(await pathsIn(other.path), [])
})

test('a name that is taken, and a file that has vanished, fail the link', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'in/a': 'weights', out: 'mine' })
  const file = await only(join(directory, 'in'))
  await assert.rejects(linkOut(file, join(directory, 'out')), { code: 'EEXIST' })
  await rm(join(directory, 'in/a'))
  await assert.rejects(linkOut(file, join(directory, 'elsewhere')), { code: 'ENOENT' })
  assert.equal(await readFile(join(directory, 'out'), 'utf8'), 'mine')
})

test('files that were found through a link are refused by name, the others are not', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'v1/a': 'a' })
  refuseLinked((await scanLocalFiles([directory])).files)
  await symlink('v1', join(directory, 'latest'))
  const { files } = await scanLocalFiles([directory])
  assert.throws(() => refuseLinked(files), {
    code: 'REFUSED',
    message: /latest\/a was found through a symbolic link/,
  })
})

test('what was stored goes, with the directories that this empties, but never the source itself', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), {
    'm/a': '1',
    'm/deep/er/b': '2',
    'm/mixed/c': '3',
  })
  const source = join(directory, 'm')
  const { files } = await scanLocalFiles([source])
  await writeFile(join(source, 'mixed/later'), 'came after the scan')
  assert.deepEqual(await removeMoved(files), [])
  assert.deepEqual(await pathsIn(directory), ['m/', 'm/mixed/', 'm/mixed/later'])
})

test('of a file that was named, the directory stays', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'm/a': '1' })
  assert.deepEqual(await removeMoved((await scanLocalFiles([join(directory, 'm/a')])).files), [])
  assert.deepEqual(await pathsIn(directory), ['m/'])
})

const CHANGES: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['grew', (path) => appendFile(path, 'more')],
  ['was written to in place', (path) => utimes(path, 1e9, 1e9)],
  [
    'was replaced by one of the same size',
    async (path) => {
      await writeFile(`${path}.new`, 'othr')
      await rename(`${path}.new`, path)
    },
  ],
  [
    'became a link',
    async (path) => {
      await rename(path, `${path}.moved`)
      await symlink('elsewhere', path)
    },
  ],
]
for (const [what, change] of CHANGES) {
  test(`a file that ${what} stays, and is told; the others go`, async (t) => {
    const directory = await writeFiles(await temporaryDirectory(t), { a: 'data', b: 'more' })
    const { files } = await scanLocalFiles([directory])
    await change(join(directory, 'a'))
    assert.deepEqual(await removeMoved(files), [{ path: 'a', why: 'it was changed after it was stored' }])
    const left = await pathsIn(directory)
    assert.ok(left.some((path) => /^a\b/.test(path)) && !left.includes('b'), left.join())
  })
}

test('a file that became a blob has the time of one, and goes', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { a: 'data' })
  const { files } = await scanLocalFiles([directory])
  await link(join(directory, 'a'), join(await temporaryDirectory(t), 'blob'))
  await utimes(join(directory, 'a'), 0, 0)
  assert.deepEqual(await removeMoved(files), [])
  assert.deepEqual(await pathsIn(directory), [])
})

test('a file that is gone already has moved, too', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'd/a': 'data' })
  const { files } = await scanLocalFiles([directory])
  await rm(join(directory, 'd/a'))
  assert.deepEqual(await removeMoved(files), [])
  assert.deepEqual(await pathsIn(directory), [])
})

test('a file that cannot be removed stays and is told, and the others go', {
  skip: cannotMount(),
}, async (t) => {
  const { path, remount } = await temporaryTmpfs(t)
  const directory = await writeFiles(await temporaryDirectory(t), { b: 'more' })
  await writeFiles(path, { 'd/a': 'data' })
  const { files } = await scanLocalFiles([path, directory])
  await remount('ro')
  assert.deepEqual(await removeMoved(files), [{ path: 'd/a', why: 'it cannot be removed (EROFS)' }])
  await remount('rw')
  assert.deepEqual(await pathsIn(path), ['d/', 'd/a'])
  assert.deepEqual(await pathsIn(directory), [])
})

async function only(source: string): Promise<SourceFile> {
  const { files } = await scanLocalFiles([source])
  assert.equal(files.length, 1)
  return files[0] as SourceFile
}
