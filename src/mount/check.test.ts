import assert from 'node:assert/strict'
import { cp, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountPlace } from '../../test/fixtures/mount.ts'
import { flipBit, randomModel } from '../../test/fixtures/store.ts'
import { checkTree } from './check.ts'
import { readTree } from './tree.ts'

const MODEL = randomModel('pinned')

test('a check notices what is missing, cut short or changed', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  assert.deepEqual((await checkTree(target, delivery.version)).faults, [])
  await rm(join(target, 'config.json'))
  await truncate(join(target, 'tokenizer/vocab.txt'), 5)
  await flipBit(join(target, 'weights.bin'))
  const { faults } = await checkTree(target, delivery.version)
  assert.equal(faults.length, 3)
  assert.match(faults[0] ?? '', /^config\.json: missing/)
  assert.match(faults[1] ?? '', /^tokenizer\/vocab\.txt: 5 bytes instead of/)
  assert.match(faults[2] ?? '', /^weights\.bin: its bytes/)
})

test('a full check sees a changed bit behind the old time, and files that do not belong', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  const path = join(target, 'weights.bin')
  const { mtimeNs } = await stat(path, { bigint: true })
  await flipBit(path)
  const seconds = Number(mtimeNs / 1000n) / 1e6
  await utimes(path, seconds, seconds)
  await writeFile(join(target, 'extra.txt'), 'x')
  const full = await checkTree(target, delivery.version, { full: true })
  assert.deepEqual(full.faults, ['weights.bin: its bytes are not those of the version'])
  assert.deepEqual(full.extra, ['extra.txt'])
})

test('a restored backup, same bytes with other times and inodes, is whole', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  const delivery = await version(MODEL)
  await pin(delivery)
  const restored = `${target}-restored`
  await cp(target, restored, { recursive: true })
  assert.deepEqual((await checkTree(restored, delivery.version)).faults, [])
  await rm(join(restored, '.ballast/files.json'))
  assert.deepEqual((await checkTree(restored, delivery.version)).faults, [])
})

test('a tree whose own files disagree is damaged, not another version', async (t) => {
  const { target, version, pin } = await mountPlace(t)
  await pin(await version(MODEL))
  await writeFile(join(target, '.ballast/manifest.json'), '{}')
  await assert.rejects(readTree(target), { code: 'DAMAGED' })
  await rm(join(target, '.ballast/manifest.json'))
  await assert.rejects(readTree(target), { code: 'DAMAGED' })
})
