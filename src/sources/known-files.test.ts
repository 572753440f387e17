import assert from 'node:assert/strict'
import { appendFile, chmod, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { digestOf } from '../core/index.ts'
import { createKnownFiles } from './known-files.ts'
import { type SourceFile, scanLocalFiles } from './local-files.ts'

const LONG_AGO = new Date('2020-01-01')
const DIGEST = digestOf('weights')

test('a file that was read is known until it is written to, replaced or touched', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'weights.bin': 'weights' })
  const path = join(directory, 'weights.bin')
  const changes: readonly (() => Promise<unknown>)[] = [
    () => appendFile(path, '!'),
    async () => {
      await writeFile(`${path}.new`, 'others!')
      await rename(`${path}.new`, path)
    },
    () => utimes(path, LONG_AGO, new Date('2020-01-02')),
  ]
  for (const change of changes) {
    await utimes(path, LONG_AGO, LONG_AGO)
    const known = createKnownFiles()
    const file = await find(path)
    assert.equal(known.digestOf(file), undefined)
    known.remember(file, DIGEST, Date.now())
    assert.equal(known.digestOf(await find(path)), DIGEST)
    await change()
    assert.equal(known.digestOf(await find(path)), undefined)
  }
})

test('a file that was written to right before it was read is not known: it may have been written to again', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'weights.bin': 'weights' })
  const file = await find(join(directory, 'weights.bin'))
  const known = createKnownFiles()
  known.remember(file, DIGEST, Date.now())
  assert.equal(known.digestOf(file), undefined)
  known.remember(file, DIGEST, Date.now() + 3600_000)
  assert.equal(known.digestOf(file), DIGEST)
})

async function find(path: string): Promise<SourceFile> {
  return (await scanLocalFiles([path])).files[0] as SourceFile
}

test('what one process knows another one takes over, of the files that are still there', async (t) => {
  const directory = await writeFiles(await temporaryDirectory(t), { 'weights.bin': 'weights', 'old.bin': '' })
  const [old, weights] = (await scanLocalFiles([directory])).files as [SourceFile, SourceFile]
  const first = createKnownFiles()
  for (const file of [old, weights]) first.remember(file, DIGEST, Date.now() + 3600_000)
  const second = createKnownFiles(first.save([weights]))
  assert.equal(second.digestOf(weights), DIGEST)
  assert.equal(second.digestOf(old), undefined)
  await chmod(weights.place, 0o600)
  assert.equal(second.digestOf(await find(weights.place)), undefined)
  for (const nonsense of ['', 'null', '{"files":{"/x":1}}', '{"files":{"/x":["1","2"]}}'])
    assert.equal(createKnownFiles(Buffer.from(nonsense)).digestOf(weights), undefined)
})
