import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { fileOf, flipBit, randomModel } from '../../test/fixtures/store.ts'
import { filesOf } from '../../test/fixtures/store-facts.ts'
import { pathsIn, writeFiles } from '../../test/fixtures/temporary.ts'
import { isBallastError } from '../core/index.ts'
import { totalSize } from '../model/index.ts'
import { checkTree } from './check.ts'
import { deliverPinned } from './pinned.ts'
import { readTree } from './tree.ts'
import { unmountTarget } from './unmount.ts'

const MODEL = randomModel('pinned')
const OTHER = randomModel('another version')

test('a directory that does not exist becomes the version, with the marker and nothing else beside it', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  const delivered = await pin(delivery)
  assert.deepEqual(delivered, {
    how: 'delivered',
    bytesCopied: totalSize(delivery.version.files),
    warnings: [],
  })
  assert.deepEqual(Object.keys(await filesOf(target)), Object.keys(MODEL))
  assert.deepEqual(await readFile(join(target, 'weights.bin')), MODEL['weights.bin'])
  assert.deepEqual(JSON.parse(await readFile(join(target, '.ballast/model.json'), 'utf8')), delivery.marker)
  assert.deepEqual(await readTree(target), { marker: delivery.marker, version: delivery.version })
  assert.deepEqual(await readdir(dirname(target)), ['models'])
})

test('whoever runs the container may read the tree, whatever the umask of who mounted it', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  const umask = process.umask(0o077)
  t.after(() => process.umask(umask))
  await pin(delivery)
  for (const path of ['', 'tokenizer', '.ballast']) assert.equal(await modeOf(join(target, path)), 0o755)
  const files = ['config.json', 'tokenizer/vocab.txt', '.ballast/model.json', '.ballast/manifest.json']
  for (const path of [...files, '.ballast/files.json']) assert.equal(await modeOf(join(target, path)), 0o644)
})

test('an empty directory is filled and keeps its mode', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await mkdir(target)
  await chmod(target, 0o2775)
  assert.equal((await pin(await version(MODEL))).how, 'delivered')
  assert.equal((await stat(target)).mode & 0o7777, 0o2775)
})

test('mounting the same version again changes nothing', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  const { ino } = await stat(join(target, 'weights.bin'))
  assert.deepEqual(await pin(delivery), { how: 'unchanged', bytesCopied: 0, warnings: [] })
  assert.equal((await stat(join(target, 'weights.bin'))).ino, ino)
})

test('files that are the version already are adopted where they stand', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await writeFiles(target, MODEL)
  const { ino } = await stat(join(target, 'weights.bin'))
  const delivery = await version(MODEL)
  assert.equal((await pin(delivery)).how, 'adopted')
  assert.equal((await stat(join(target, 'weights.bin'))).ino, ino)
  assert.deepEqual((await readTree(target))?.version, delivery.version)
})

test('links are not adopted, because in a container they lead nowhere', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await writeFiles(target, MODEL)
  await rename(join(target, 'weights.bin'), join(dirname(target), 'elsewhere.bin'))
  await symlink(join(dirname(target), 'elsewhere.bin'), join(target, 'weights.bin'))
  await assert.rejects(pin(await version(MODEL)), { code: 'CONFLICT' })
})

for (const [what, files] of [
  ['other files', { 'notes.txt': 'mine' }],
  ['the version and one file more', { ...MODEL, 'notes.txt': 'mine' }],
  ['the version with other bytes of the same size', { ...MODEL, 'config.json': '{"seed":"PINNED"}' }],
  ['a part of the version', { 'config.json': MODEL['config.json'] ?? '' }],
] as const) {
  test(`a directory with ${what} is refused unharmed`, async (t) => {
    const { target, version, pin } = await mountPlace(t)
    await writeFiles(target, files)
    const before = await filesOf(target)
    const delivery = await version(MODEL)
    for (const replace of [false, true]) {
      await assert.rejects(pin(delivery, { replace }), { code: 'CONFLICT' })
      assert.deepEqual(
        await pathsIn(target),
        (await pathsIn(target)).filter((path) => !path.includes('.ballast')),
      )
      assert.deepEqual(await filesOf(target), before)
    }
  })
}

test('a file or a link in the place of the target is refused unharmed', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await writeFile(target, 'mine')
  await assert.rejects(pin(delivery), { code: 'REFUSED', message: /a file/ })
  assert.equal(await readFile(target, 'utf8'), 'mine')
  await rm(target)
  await symlink(dirname(target), target)
  await assert.rejects(pin(delivery), { code: 'REFUSED', message: /symbolic link/ })
})

test('another version is refused, and put in its place with --replace', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version(MODEL))
  const before = await filesOf(target)
  const other = await version(OTHER)
  await assert.rejects(pin(other), { code: 'CONFLICT', message: /another version/ })
  assert.deepEqual(await filesOf(target), before)
  assert.equal((await pin(other, { replace: true })).how, 'delivered')
  assert.deepEqual((await readTree(target))?.version, other.version)
  assert.deepEqual(await readFile(join(target, 'weights.bin')), OTHER['weights.bin'])
  assert.deepEqual(await readdir(dirname(target)), ['models'])
})

test('a tree that was changed since is noticed, and mended with --replace', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  await writeFile(join(target, 'config.json'), '{"seed":"PINNED"}')
  await assert.rejects(pin(delivery), { code: 'DAMAGED', message: /config\.json/ })
  await pin(delivery, { replace: true })
  assert.equal(await readFile(join(target, 'config.json'), 'utf8'), MODEL['config.json'])
})

test('a damaged blob refuses the mount, leaves the target untouched and is remembered', async (t) => {
  for (const sameTime of [false, true]) {
    const { store, target, version, pin } = await mountPlace(t)
    const delivery = await version(MODEL)
    const { digest } = fileOf(delivery.version, 'weights.bin')
    await flipBit(store.blobs.path(digest), { sameTime })
    await assert.rejects(pin(delivery), { code: 'DAMAGED' })
    assert.deepEqual(await readdir(dirname(target)), [])
    assert.equal(await store.blobs.stat(digest), undefined)
  }
})

test('a damaged blob leaves the version that --replace was to replace', async (t) => {
  const { store, target, version, pin } = await mountPlace(t)
  await pin(await version(MODEL))
  const before = await filesOf(target)
  const other = await version(OTHER)
  await flipBit(store.blobs.path(fileOf(other.version, 'weights.bin').digest))
  await assert.rejects(pin(other, { replace: true }), { code: 'DAMAGED' })
  assert.deepEqual(await filesOf(target), before)
  assert.deepEqual(await readdir(dirname(target)), ['models'])
})

test('a blob that is missing is said to be missing, and leaves the target untouched', async (t) => {
  const { store, target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await rm(store.blobs.path(fileOf(delivery.version, 'weights.bin').digest))
  await assert.rejects(pin(delivery), { code: 'NOT_FOUND' })
  assert.deepEqual(await readdir(dirname(target)), [])
})

test('a mount that is interrupted leaves nothing', async (t) => {
  const { store, target, version } = await mountPlace(t)
  const delivery = await version(MODEL)
  const options = { replace: false, link: false, signal: AbortSignal.abort() }
  await assert.rejects(deliverPinned(store, { target, delivery }, options), { code: 'INTERRUPTED' })
  assert.deepEqual(await readdir(dirname(target)), [])
})

test("copies are the target's own, links share the store's inode", async (t) => {
  const { store, target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  const blob = store.blobs.path(fileOf(delivery.version, 'weights.bin').digest)
  await pin(delivery)
  assert.notEqual((await stat(join(target, 'weights.bin'))).ino, (await stat(blob)).ino)
  const linked = `${dirname(store.root)}/linked`
  const { bytesCopied, warnings } = await pin(delivery, { link: true, target: linked })
  assert.deepEqual([bytesCopied, warnings], [0, []])
  assert.equal((await stat(join(linked, 'weights.bin'))).ino, (await stat(blob)).ino)
  assert.deepEqual(await checkTree(linked, delivery.version, { full: true }), { faults: [], extra: [] })
})

test('writing to a copy never reaches the store', async (t) => {
  const { store, target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  await flipBit(join(target, 'weights.bin'))
  assert.deepEqual((await store.verify()).problems, [])
})

test('of many who mount the same version at once, none leaves a broken tree', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => pin(delivery)))
  assert.ok(outcomes.some(({ status }) => status === 'fulfilled'))
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'CONFLICT')
  }
  assert.deepEqual(await checkTree(target, delivery.version, { full: true }), { faults: [], extra: [] })
  assert.deepEqual(await readdir(dirname(target)), ['models'])
})

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

test('--replace refuses to take what an application wrote beside the model with it', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version({ f: '1' }))
  await writeFiles(target, { 'outputs/results.csv': 'x' })
  await assert.rejects(pin(await version({ f: '2' }), { replace: true }), { code: 'CONFLICT' })
  assert.equal(await readFile(join(target, 'outputs/results.csv'), 'utf8'), 'x')
  assert.equal(await readFile(join(target, 'f'), 'utf8'), '1')
})

test('--replace keeps the mode of the directory', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version({ f: '1' }))
  await chmod(target, 0o2775)
  await pin(await version({ f: '2' }), { replace: true })
  assert.equal((await stat(target)).mode & 0o7777, 0o2775)
})

test('a mount whose own files are gone is replaced or unmounted, and says how', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const one = await version({ f: '1' })
  await pin(one)
  await rm(join(target, '.ballast/manifest.json'))
  await assert.rejects(
    pin(one),
    (error) => isBallastError(error, 'DAMAGED') && /--replace/.test(error.hint ?? ''),
  )
  assert.equal((await pin(one, { replace: true })).how, 'delivered')
  await writeFile(join(target, '.ballast/model.json'), 'not json')
  assert.deepEqual(await unmountTarget(target), { kept: ['f'] })
})

test('a link in the place of a delivered file’s own record is replaced, never written through', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const one = await version({ f: '1' })
  await pin(one)
  const victim = join(dirname(target), 'victim')
  await writeFile(victim, 'secret')
  await rm(join(target, '.ballast'), { recursive: true })
  await mkdir(join(target, '.ballast'))
  await symlink(victim, join(target, '.ballast/manifest.json'))
  assert.equal((await pin(one)).how, 'adopted')
  assert.equal(await readFile(victim, 'utf8'), 'secret')
})
