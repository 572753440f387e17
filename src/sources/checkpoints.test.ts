import assert from 'node:assert/strict'
import { mkdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Contents, temporaryDirectory, writeFiles } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { findCheckpoint } from './checkpoints.ts'
import { pathFilter } from './patterns.ts'

test('the newest directory with a marker is the checkpoint, whatever it is called', async (t) => {
  const directory = await run(t, [
    ['checkpoint-500', { 'model.bin': '5', 'trainer_state.json': '{}' }],
    ['checkpoint-1000', { 'model.bin': '10', 'trainer_state.json': '{}' }],
    ['checkpoint-1500', { 'model.bin': '15' }],
    ['.', { 'run.log': '' }],
  ])
  const marker = 'checkpoint-*/trainer_state.json'
  const { checkpoint, files } = await findCheckpoint({ directory, marker })
  assert.equal(checkpoint, 'checkpoint-1000')
  assert.deepEqual(
    files.map(({ path }) => path),
    ['model.bin', 'trainer_state.json'],
  )
})

test('of markers of one time the higher number counts', async (t) => {
  const directory = await run(t, [['c-9', { DONE: '' }]])
  await writeFiles(directory, { 'c-10/DONE': '', 'c-10/w': '' })
  for (const path of ['c-9/DONE', 'c-10/DONE', 'c-10/w']) await utimes(join(directory, path), 1e9, 1e9)
  assert.equal((await findCheckpoint({ directory, marker: 'DONE' })).checkpoint, 'c-10')
})

test('a marker in the directory itself makes that the checkpoint', async (t) => {
  const directory = await run(t, [['.', { 'model.bin': '', DONE: '' }]])
  assert.equal((await findCheckpoint({ directory, marker: 'DONE' })).checkpoint, '')
})

test('a checkpoint that is written over is not whole until its marker is written again', async (t) => {
  const directory = await run(t, [
    ['old', { 'model.bin': '', DONE: '' }],
    ['.', { 'model.bin': '', DONE: '' }],
  ])
  await utimes(join(directory, 'model.bin'), 2e9, 2e9)
  const search = { directory, marker: 'DONE' }
  assert.equal((await findCheckpoint(search)).checkpoint, 'old')
  const filter = pathFilter({ exclude: ['/model.bin'] })
  assert.equal((await findCheckpoint({ ...search, filter })).checkpoint, '')
  await utimes(join(directory, 'DONE'), 2e9, 2e9)
  assert.equal((await findCheckpoint(search)).checkpoint, '')
})

test('a marker of which only the beginning has been written marks nothing', async (t) => {
  for (const text of ['', '{"epoch":']) {
    const directory = await run(t, [['c', { model: '', 'state.json': text }]])
    const found = findCheckpoint({ directory, marker: 'state.json' })
    await assert.rejects(found, (error) => isBallastError(error, 'REFUSED') && error.retryable)
  }
})

test('what is not there is not found: a marker, the directory', async (t) => {
  const directory = await run(t, [['c', { model: '' }]])
  await mkdir(join(directory, 'DONE'))
  for (const search of [
    { directory, marker: '/c/DONE' },
    { directory: join(directory, 'absent'), marker: 'DONE' },
  ])
    await assert.rejects(findCheckpoint(search), (error) => isBallastError(error, 'NOT_FOUND'))
})

/** Directories that were written one after the other, and the files in each so. */
async function run(t: TestContext, parts: readonly (readonly [string, Contents])[]): Promise<string> {
  const directory = await temporaryDirectory(t)
  let time = 1e9
  for (const [name, contents] of parts) {
    await writeFiles(join(directory, name), contents)
    for (const path of Object.keys(contents)) await utimes(join(directory, name, path), time, time++)
  }
  return directory
}
