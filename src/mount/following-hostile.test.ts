import assert from 'node:assert/strict'
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { randomModel } from '../../test/fixtures/store.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { withFollower } from './follower.ts'
import { unmountTarget } from './unmount.ts'

const ONE = randomModel('version 1')
const TWO = randomModel('version 2')

test('names that would lead out of the target, or into its own files, are refused', async (t) => {
  const { version, follow } = await mountPlace(t)
  const delivery = await version(ONE)
  for (const name of ['.ballast', 'a/b', '../x', '..']) {
    await assert.rejects(follow(delivery, { name }), (error: { code?: string }) =>
      ['USAGE', 'CONFLICT'].includes(error.code ?? ''),
    )
  }
})

for (const own of ['.ballast', '.ballast/versions', '.ballast/lock', '.ballast/followers']) {
  test(`a link that a container has put in the place of ${own} is refused, and nothing behind it is touched`, async (t) => {
    const { target, version, follow } = await mountPlace(t)
    await follow(await version(ONE))
    await mkdir(join(target, '.ballast/followers'))
    const victim = join(dirname(target), 'victim')
    await writeFiles(victim, {
      'precious/file': 'x',
      '1-aaaaaaaaaaaa/file': 'y',
      'versions/1-aaaaaaaaaaaa/file': 'z',
    })
    const before = await pathsIn(victim)
    await rename(join(target, own), join(dirname(target), 'aside'))
    await symlink(victim, join(target, own))
    await assert.rejects(follow(await version(TWO)), { code: 'REFUSED' })
    await assert.rejects(unmountTarget(target), { code: 'REFUSED' })
    assert.deepEqual(await pathsIn(victim), before)
  })
}

test('a follower’s lock stays inside the target, whatever the name or a container says', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version(ONE))
  const victim = join(dirname(target), 'victim')
  await writeFiles(victim, { '1': 'x', '2': 'y' })
  const idle = async (): Promise<void> => undefined
  for (const name of ['../../../victim', '..', '', 'a/b', '.ballast']) {
    await assert.rejects(withFollower(target, { name }, idle), { code: 'USAGE' }, name)
  }
  await mkdir(join(target, '.ballast/followers'))
  await symlink(victim, join(target, '.ballast/followers/sentiment'))
  await assert.rejects(withFollower(target, { name: 'sentiment' }, idle), { code: 'REFUSED' })
  assert.deepEqual(await pathsIn(victim), ['1', '2'])
})

test('a state that names what is not the target’s is not believed', async (t) => {
  const { target, version, follow } = await mountPlace(t)
  await follow(await version({ 'a.pkl': '1' }))
  const victim = join(dirname(target), 'victim.txt')
  await writeFile(victim, 'x')
  const path = join(target, '.ballast/state.json')
  const state = await readFile(path, 'utf8')
  const lies = ['"../victim.txt"', '"sentiment/../../victim.txt"', '7'].map((lie) =>
    state.replace('"a.pkl"', lie),
  )
  for (const lie of [
    ...lies,
    '{"version":1,"models":{"x":null}}',
    state.replace(/"id": "[^"]*"/, '"id": ".."'),
  ]) {
    await writeFile(path, lie)
    await assert.rejects(follow(await version({ 'b.pkl': '2' })), { code: 'DAMAGED' })
  }
  assert.equal(await readFile(victim, 'utf8'), 'x')
})
