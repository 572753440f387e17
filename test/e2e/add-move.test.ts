import assert from 'node:assert/strict'
import { link, readdir, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, run } from '../fixtures/command.ts'
import { temporaryDirectory, writeFiles } from '../fixtures/temporary.ts'

interface Shown {
  readonly files: readonly { readonly path: string; readonly digest: string }[]
}

test('add --move: the files become the blobs, and nothing is left below the source', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  const source = await writeFiles(join(root, 'source'), {
    'weights.bin': 'weights',
    'deep/er/vocab.txt': 'v',
  })
  const { ino } = await stat(join(source, 'weights.bin'))
  await ask(['add', 'm', source, '--move'], { store })
  assert.deepEqual(await readdir(root), ['source', 'store'])
  assert.deepEqual(await readdir(source), [])
  const { files } = await ask<Shown>(['show', 'm'], { store })
  const weights = files.find(({ path }) => path === 'weights.bin')
  const blob = await stat(join(store, 'blobs/sha256', `${weights?.digest.slice('sha256:'.length)}`))
  assert.deepEqual([blob.ino, blob.nlink, blob.mode & 0o777, blob.mtimeMs], [ino, 1, 0o444, 0])
  assert.equal((await run(['verify'], { store })).code, 0)
})

test('add --move of what the store has already removes the sources as well', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  for (const name of ['one', 'two']) {
    const source = await writeFiles(join(root, name), { 'weights.bin': 'weights' })
    await ask(['add', 'm', source, '--move'], { store })
    assert.deepEqual(await readdir(source), [])
  }
  assert.equal((await run(['verify'], { store })).code, 0)
})

test('add --move of a file with a second name copies it: what that name leads to can be written to later', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  const source = await writeFiles(join(root, 'source'), { 'weights.bin': 'weights' })
  await link(join(source, 'weights.bin'), join(root, 'elsewhere.bin'))
  const { ino } = await stat(join(root, 'elsewhere.bin'))
  await ask(['add', 'm', source, '--move'], { store })
  assert.deepEqual(await readdir(source), [])
  for (const name of await readdir(join(store, 'blobs/sha256')))
    assert.notEqual((await stat(join(store, 'blobs/sha256', name))).ino, ino)
})

test('add --move refuses what it would tear apart, and leaves all of it', async (t) => {
  const root = await temporaryDirectory(t)
  const store = join(root, 'store')
  const source = await writeFiles(join(root, 'source'), { 'weights.bin': 'weights' })
  await symlink('weights.bin', join(source, 'link.bin'))
  const linked = await run(['add', 'm', source, '--move'], { store })
  assert.equal(linked.code, 4)
  assert.match(linked.stderr, /link\.bin was found through a symbolic link[\s\S]*leave --move out/)
  const both = await run(['add', 'm', source, '--move', '--follow'], { store })
  assert.equal(both.code, 2)
  assert.match(both.stderr, /nothing to follow/)
  assert.deepEqual(await readdir(source), ['link.bin', 'weights.bin'])
})
