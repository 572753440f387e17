import assert from 'node:assert/strict'
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { randomModel } from '../../test/fixtures/store.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { unmountTarget } from './unmount.ts'

const MODEL = randomModel('pinned')

test('unmounting removes the directory, and nothing that is not mounted', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version(MODEL))
  assert.deepEqual(await unmountTarget(target), { kept: [] })
  assert.deepEqual(await readdir(dirname(target)), [])
  await assert.rejects(unmountTarget(target), { code: 'NOT_FOUND' })
  await writeFiles(target, { 'mine.txt': 'x' })
  await assert.rejects(unmountTarget(target), { code: 'NOT_FOUND' })
  assert.deepEqual(await pathsIn(target), ['mine.txt'])
})

test('unmounting keeps files of others, and those that were changed', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version(MODEL))
  await writeFiles(target, { 'config.json': '{"mine":true}', 'tokenizer/notes.txt': 'x' })
  assert.deepEqual(await unmountTarget(target), { kept: ['config.json', 'tokenizer'] })
  assert.deepEqual(await pathsIn(target), ['config.json', 'tokenizer/', 'tokenizer/notes.txt'])
})

test('unmount removes the file link of a first mount that was killed before the directory link', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'one' }))
  await rm(join(target, 'sentiment'))
  assert.deepEqual(await unmountTarget(target), { kept: [] })
})

test('unmounting removes links and versions, and keeps what others put there', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'one' }))
  await writeFile(join(target, 'notes.txt'), 'mine')
  await symlink('sentiment/model.pkl', join(target, 'my-own-link'))
  assert.deepEqual((await unmountTarget(target)).kept.toSorted(), ['my-own-link', 'notes.txt'])
  assert.deepEqual(await pathsIn(target), ['my-own-link -> sentiment/model.pkl', 'notes.txt'])
})

test('unmounting a target that only Ballast used removes it', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'one' }))
  assert.deepEqual(await unmountTarget(target), { kept: [] })
  assert.deepEqual(await readdir(dirname(target)), [])
})

test('the directory of a volume stays when all is taken out of it', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'model.pkl': 'one' }))
  await mkdir(join(target, 'lost+found'))
  assert.deepEqual(await unmountTarget(target, { volume: 'ml_models' }), { kept: [] })
  assert.deepEqual(await readdir(target), ['lost+found'])
  await assert.rejects(unmountTarget(target, { volume: 'ml_models' }), {
    code: 'NOT_FOUND',
    message: 'nothing is mounted at volume:ml_models',
  })
})
