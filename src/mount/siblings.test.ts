import assert from 'node:assert/strict'
import { appendFile, chmod, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type MountPlace, mountPlace } from '../../test/fixtures/mount.ts'
import { createRandom } from '../../test/fixtures/random.ts'
import { checkTree } from './check.ts'
import { readTree } from './tree.ts'

const WEIGHTS = createRandom('siblings').bytes(50_000)

const contents = (version: number) => ({
  'weights.bin': WEIGHTS,
  'deep/er/weights.bin': createRandom('deeper').bytes(20_000),
  'config.json': JSON.stringify({ version }),
})

/** Delivers the first version, then the second; what each has as its weights. */
const twoVersions = async (
  place: MountPlace,
  between: (first: string) => Promise<unknown> = async () => {},
) => {
  await place.follow(await place.version(contents(1)))
  const [id = ''] = await readdir(join(place.target, '.ballast/versions'))
  const first = join(place.target, '.ballast/versions', id)
  await between(first)
  const { bytesCopied } = await place.follow(await place.version(contents(2)))
  const second = join(place.target, 'sentiment')
  const tree = await readTree(second)
  assert.ok(tree)
  assert.deepEqual((await checkTree(second, tree.version, { full: true })).faults, [])
  const inode = async (path: string) => (await stat(path)).ino
  const shares =
    (await inode(join(first, 'weights.bin')).catch(() => 0)) === (await inode(join(second, 'weights.bin')))
  return { bytesCopied, shares, first, second }
}

test('a file that a version of the target has already is not copied again', async (t) => {
  const { bytesCopied, shares, first, second } = await twoVersions(await mountPlace(t))
  assert.deepEqual([bytesCopied, shares], [Buffer.byteLength('{"version":2}'), true])
  assert.equal((await stat(join(second, 'deep/er/weights.bin'))).nlink, 2)
  await rm(first, { recursive: true })
  assert.deepEqual(await readFile(join(second, 'weights.bin')), WEIGHTS)
})

const spoiled: Readonly<Record<string, (first: string) => Promise<unknown>>> = {
  'whose bytes were changed, its time set back': async (first) => {
    const path = join(first, 'weights.bin')
    const { atime, mtime } = await stat(path)
    await writeFile(path, createRandom('other').bytes(50_000))
    await utimes(path, atime, mtime)
  },
  'that has grown': (first) => appendFile(join(first, 'weights.bin'), 'x'),
  'that is a link by now': async (first) => {
    const elsewhere = join(first, '..', '..', 'elsewhere')
    await writeFile(elsewhere, WEIGHTS)
    await rm(join(first, 'weights.bin'))
    await symlink(elsewhere, join(first, 'weights.bin'))
  },
  'with the mode of a blob': (first) => chmod(join(first, 'weights.bin'), 0o444),
  'that is gone': (first) => rm(join(first, 'weights.bin')),
}

for (const [what, spoil] of Object.entries(spoiled)) {
  test(`a file ${what} is copied from the store`, async (t) => {
    const { bytesCopied, shares } = await twoVersions(await mountPlace(t), spoil)
    assert.deepEqual([bytesCopied > WEIGHTS.length, shares], [true, false])
  })
}

test('twenty versions that differ in one small file take the room of one', async (t) => {
  const place = await mountPlace(t)
  let copied = 0
  for (let version = 1; version <= 20; version++) {
    copied += (await place.follow(await place.version(contents(version)), { graceMs: 60_000 })).bytesCopied
  }
  assert.ok(copied < 80_000, `${copied}`)
})
