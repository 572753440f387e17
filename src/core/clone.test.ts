import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { cannotMount, temporaryTmpfs } from '../../test/fixtures/tmpfs.ts'
import { temporaryXfs } from '../../test/fixtures/xfs.ts'
import { cloneFile } from './clone.ts'

test('a clone has the bytes and an inode of its own, and what is written to one never reaches the other', async (t) => {
  const xfs = await temporaryXfs(t)
  if ('skip' in xfs) return t.skip(xfs.skip)
  const [from, to] = [join(xfs.path, 'from'), join(xfs.path, 'to')]
  const bytes = Buffer.alloc(3_000_000, 'weights')
  await writeFile(from, bytes)
  assert.equal(await cloneFile(from, to), true)
  assert.ok((await readFile(to)).equals(bytes))
  assert.notEqual((await stat(to)).ino, (await stat(from)).ino)
  await writeFile(to, 'other', { flag: 'r+' })
  assert.ok((await readFile(from)).equals(bytes))
  await writeFile(from, 'another')
  assert.equal((await readFile(to)).subarray(0, 7).toString(), 'otherts')
})

test('an empty file is cloned too', async (t) => {
  const xfs = await temporaryXfs(t)
  if ('skip' in xfs) return t.skip(xfs.skip)
  await writeFile(join(xfs.path, 'from'), '')
  assert.equal(await cloneFile(join(xfs.path, 'from'), join(xfs.path, 'to')), true)
  assert.equal((await stat(join(xfs.path, 'to'))).size, 0)
})

test('where blocks cannot be shared nothing is made', { skip: cannotMount() }, async (t) => {
  const { path: one } = await temporaryTmpfs(t)
  const { path: two } = await temporaryTmpfs(t)
  await writeFile(join(one, 'from'), 'weights')
  for (const to of [join(one, 'to'), join(two, 'to')])
    assert.equal(await cloneFile(join(one, 'from'), to), false)
  assert.deepEqual(await readdir(one), ['from'])
  assert.deepEqual(await readdir(two), [])
})

test('a file that is there stays as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  const [from, to] = [join(directory, 'from'), join(directory, 'to')]
  await writeFile(from, 'new')
  await writeFile(to, 'old')
  await assert.rejects(cloneFile(from, to), { code: 'EEXIST' })
  assert.equal(await readFile(to, 'utf8'), 'old')
})

test('a source that is not there, or may not be read, is no matter of the file system', async (t) => {
  const directory = await temporaryDirectory(t)
  await assert.rejects(cloneFile(join(directory, 'missing'), join(directory, 'to')), { code: 'ENOENT' })
  await writeFile(join(directory, 'from'), 'x')
  await assert.rejects(cloneFile(join(directory, 'from'), join(directory, 'nowhere', 'to')), {
    code: 'ENOENT',
  })
  if (process.geteuid?.() !== 0) {
    await chmod(join(directory, 'from'), 0)
    await assert.rejects(cloneFile(join(directory, 'from'), join(directory, 'to')), { code: 'EACCES' })
  }
  assert.deepEqual((await readdir(directory)).sort(), ['from'])
})
