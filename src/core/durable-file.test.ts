import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { makeDirectory } from './directories.ts'
import { createFileDurably, writeFileDurably } from './durable-file.ts'

test('writing replaces the whole content', async (t) => {
  const path = join(await temporaryDirectory(t), 'file')
  await writeFileDurably(path, 'a longer text than the next')
  await writeFileDurably(path, Buffer.from('short'))
  assert.equal(await readFile(path, 'utf8'), 'short')
})

test('creating never replaces', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'file')
  assert.equal(await createFileDurably(path, 'first'), true)
  assert.equal(await createFileDurably(path, 'second'), false)
  assert.equal(await readFile(path, 'utf8'), 'first')
  assert.deepEqual(await readdir(directory), ['file'])
})

test('of many who create the same file, one does', async (t) => {
  const path = join(await temporaryDirectory(t), 'file')
  const created = await Promise.all(
    Array.from({ length: 16 }, (_, writer) => createFileDurably(path, `${writer}`)),
  )
  assert.equal(created.filter(Boolean).length, 1)
  assert.equal(await readFile(path, 'utf8'), `${created.indexOf(true)}`)
})

test('the temporary file goes when the write fails', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'occupied', 'by'), { recursive: true })
  await assert.rejects(writeFileDurably(join(directory, 'occupied'), 'text'))
  await assert.rejects(
    createFileDurably(join(directory, 'missing', 'file'), 'text', { temporaryDirectory: directory }),
  )
  assert.deepEqual(await readdir(directory), ['occupied'])
})

test('the temporary file stands where it is asked to', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = join(directory, 'file')
  const elsewhere = join(directory, 'elsewhere')
  await assert.rejects(writeFileDurably(path, 'text', { temporaryDirectory: elsewhere }), {
    code: 'ENOENT',
  })
  await mkdir(elsewhere)
  await writeFileDurably(path, 'text', { temporaryDirectory: elsewhere })
  assert.equal(await readFile(path, 'utf8'), 'text')
})

test('a mode that is asked for is not cut down by the umask', async (t) => {
  const directory = await temporaryDirectory(t)
  const umask = process.umask(0o077)
  t.after(() => process.umask(umask))
  await writeFileDurably(join(directory, 'file'), '', { mode: 0o644 })
  await makeDirectory(join(directory, 'a', 'b'), 0o755)
  await makeDirectory(join(directory, 'private'))
  assert.equal(await modeOf(join(directory, 'file')), 0o644)
  assert.equal(await modeOf(join(directory, 'a')), 0o755)
  assert.equal(await modeOf(join(directory, 'a', 'b')), 0o755)
  assert.equal(await modeOf(join(directory, 'private')), 0o700)
})

test('making a directory that exists leaves it as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  const before = await modeOf(directory)
  await makeDirectory(directory, 0o777)
  assert.equal(await modeOf(directory), before)
})

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}
