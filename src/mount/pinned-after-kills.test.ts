import assert from 'node:assert/strict'
import { readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { randomModel } from '../../test/fixtures/store.ts'
import { filesOf } from '../../test/fixtures/store-facts.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { ownIdentity, type ProcessIdentity, temporaryName } from '../core/index.ts'

const MODEL = randomModel('pinned')
const OTHER = randomModel('another version')

test('what a killed mount left beside the target is cleared away, and does no harm', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const left = join(dirname(target), `.models.ballast-new-${temporaryName(deadProcess())}`)
  await writeFiles(join(left, 'tree'), { 'weights.bin': 'half' })
  await pin(await version(MODEL))
  assert.deepEqual(await readdir(dirname(target)), ['models'])
  assert.deepEqual(Object.keys(await filesOf(target)), Object.keys(MODEL))
})

test('what another mount is writing beside the target is left alone', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const busy = join(dirname(target), `.models.ballast-new-${temporaryName()}`)
  await writeFiles(join(busy, 'tree'), { 'weights.bin': 'half' })
  await pin(await version(MODEL))
  assert.deepEqual(await pathsIn(busy), ['tree/', 'tree/weights.bin'])
})

test('a --replace that was killed half-way is undone by the next mount', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  const place = join(dirname(target), `.models.ballast-new-${temporaryName(deadProcess())}`)
  await writeFiles(join(place, 'tree'), OTHER)
  await rename(target, join(place, 'former'))
  assert.equal((await pin(delivery)).how, 'unchanged')
  assert.deepEqual(await readdir(dirname(target)), ['models'])
})

test('an adoption that was killed before the marker is done again', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await writeFiles(target, MODEL)
  const delivery = await version(MODEL)
  await pin(delivery)
  await rm(join(target, '.ballast/model.json'))
  assert.equal((await pin(delivery)).how, 'adopted')
})

/** The identity of a process that ended long ago. */
function deadProcess(): ProcessIdentity {
  return { ...ownIdentity(), started: '1' }
}
