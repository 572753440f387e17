import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { flipBit, randomModel } from '../../test/fixtures/store.ts'
import { writeFiles } from '../../test/fixtures/temporary.ts'
import { ownIdentity, temporaryName } from '../core/index.ts'
import { currentGeneration } from './links.ts'
import { recordsOf, seeTarget } from './seen.ts'
import { readState } from './state.ts'

const ONE = randomModel('version 1')
const TWO = randomModel('version 2')

test('a swap that was killed before the state was written is taken into it', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const one = await version(ONE)
  await follow(one)
  const state = await readFile(join(target, '.ballast/state.json'))
  const two = await version(TWO)
  await follow(two)
  await writeFile(join(target, '.ballast/state.json'), state)
  assert.equal((await follow(two)).how, 'unchanged')
  const { generations } = (await readState(target)).models.sentiment ?? assert.fail()
  assert.deepEqual(
    generations.map(({ number, by }) => [number, by]),
    [
      [1, 'mount'],
      [2, 'unrecorded'],
    ],
  )
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), TWO['weights.bin'])
})

test('a target whose state was lost is mounted again, and no version that a link leads to goes', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  await follow(await version({ 'x.bin': 'x' }, 'other:prod'), { name: 'other' })
  await rm(join(target, '.ballast/state.json'))
  await follow(await version(TWO))
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), TWO['weights.bin'])
  assert.equal(await readFile(join(target, 'other/x.bin'), 'utf8'), 'x')
})

test('what stands behind links is told by them where the state is behind, or knows nothing of them', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  const state = await readFile(join(target, '.ballast/state.json'))
  await follow(await version(TWO))
  await follow(await version({ 'x.bin': 'x' }, 'other:prod'), { name: 'other' })
  const told = async (): Promise<unknown> =>
    Object.fromEntries(
      [...(await recordsOf(await seeTarget(target)))].map(([name, { reference, generations }]) => [
        name,
        [reference, ...generations.map(({ number, by }) => `${number} ${by}`)],
      ]),
    )
  const whole = { sentiment: ['sentiment:prod', '1 mount', '2 mount'], other: ['other:prod', '1 mount'] }
  assert.deepEqual(await told(), whole)
  await writeFile(join(target, '.ballast/state.json'), state)
  const ahead = {
    sentiment: ['sentiment:prod', '1 mount', '2 unrecorded'],
    other: ['other:prod', '1 unrecorded'],
  }
  assert.deepEqual(await told(), ahead)
  for (const id of await readdir(join(target, '.ballast/versions'))) {
    await rm(join(target, '.ballast/versions', id, '.ballast/model.json'))
  }
  assert.deepEqual(await told(), { sentiment: ['sentiment:prod', '1 mount'] })
})

test('a directory that Ballast would not have called so is taken into no record', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  const own = await readlink(join(target, 'sentiment'))
  await rename(join(target, own), join(target, '.ballast/versions/mine'))
  await rm(join(target, 'sentiment'))
  await symlink('.ballast/versions/mine', join(target, 'sentiment'))
  await follow(await version(TWO))
  const { generations } = (await readState(target)).models.sentiment ?? assert.fail()
  assert.deepEqual(
    generations.map(({ number, by }) => [number, by]),
    [
      [1, 'mount'],
      [2, 'mount'],
    ],
  )
})

test('a link that was removed is made again', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const delivery = await version(ONE)
  await follow(delivery)
  await rm(join(target, 'sentiment'))
  assert.equal(await currentGeneration(target, 'sentiment'), undefined)
  assert.equal((await follow(delivery)).how, 'delivered')
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
})

test('a version that was changed in the target is delivered anew', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  const delivery = await version(ONE)
  await follow(delivery)
  await flipBit(join(target, 'sentiment/weights.bin'))
  const again = await follow(delivery)
  assert.equal(again.how, 'delivered')
  assert.deepEqual(await readFile(join(target, 'sentiment/weights.bin')), ONE['weights.bin'])
})

/** What is there after a kill at each step of a first mount, in the order of the steps. */
const LEFTOVERS: readonly (readonly [string, (target: string) => Promise<unknown>])[] = [
  ['with nothing but the directory', (target) => mkdir(target)],
  ['before the state', (target) => mkdir(join(target, '.ballast/versions'), { recursive: true })],
  [
    'while it held the lock',
    (target) =>
      writeFiles(target, {
        '.ballast/versions/.keep': '',
        '.ballast/lock/1': JSON.stringify({ ...ownIdentity(), started: '1' }),
      }),
  ],
  [
    'while it copied',
    (target) =>
      writeFiles(target, {
        '.ballast/state.json': '{"version":1,"models":{}}',
        '.ballast/versions/.keep': '',
        [`.ballast/incoming-${temporaryName({ ...ownIdentity(), started: '1' })}/tree/model.pkl`]: 'half',
      }),
  ],
  [
    'between the file link and the directory link',
    async (target) => {
      await writeFiles(target, {
        '.ballast/state.json': '{"version":1,"models":{}}',
        '.ballast/versions/.keep': '',
      })
      await symlink('sentiment/model.pkl', join(target, 'model.pkl'))
    },
  ],
]

for (const [when, leave] of LEFTOVERS) {
  test(`a first mount that was killed ${when} is done by the next`, async (t) => {
    const { target, version, follow } = await mountPlace(t)
    await leave(target)
    await follow(await version({ 'model.pkl': 'whole' }))
    assert.equal(await readFile(join(target, 'model.pkl'), 'utf8'), 'whole')
    const own = await readdir(join(target, '.ballast'))
    assert.deepEqual(own.sort(), ['lock', 'state.json', 'versions'])
    const generations = await readdir(join(target, '.ballast/versions'))
    assert.equal(generations.filter((id) => id !== '.keep').length, 1)
  })
}
