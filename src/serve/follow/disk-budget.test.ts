import assert from 'node:assert/strict'
import { link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../../test/fixtures/temporary.ts'
import { createDiskBudget } from './disk-budget.ts'

const MIB = 1 << 20

test('what is set aside counts, what nobody needs goes first, and what does not fit is refused', async (t) => {
  const place = await temporaryDirectory(t)
  await writeFile(join(place, 'kept'), Buffer.alloc(MIB, 1))
  await link(join(place, 'kept'), join(place, 'the same'))
  await writeFile(join(place, 'unused'), Buffer.alloc(MIB, 2))
  let rooms = 0
  const makeRoom = async (): Promise<void> => {
    rooms++
    await rm(join(place, 'unused'), { force: true })
  }
  const budget = createDiskBudget({ budget: 4 * MIB, places: () => [place, join(place, 'absent')], makeRoom })
  assert.equal((await budget.measure()).used, 2 * MIB)
  await budget.admit('a', MIB)
  assert.equal(rooms, 0)
  await budget.admit('b', 1.5 * MIB)
  assert.equal(rooms, 1)
  await assert.rejects(budget.admit('c', MIB), { code: 'DISK', hint: /--max-disk/ })
  budget.settle('a')
  await budget.admit('c', MIB)
})

test('a directory that several targets share counts once, and so does one in another', async (t) => {
  const place = await temporaryDirectory(t)
  const inner = join(place, 'inner')
  await mkdir(inner)
  await writeFile(join(inner, 'model.bin'), Buffer.alloc(MIB, 1))
  const makeRoom = async (): Promise<void> => undefined
  const usedOf = async (...places: readonly string[]): Promise<number> =>
    (await createDiskBudget({ budget: MIB, places: () => places, makeRoom }).measure()).used
  const once = await usedOf(place)
  assert.ok(once >= MIB)
  assert.equal(await usedOf(inner, place, place, inner), once)
})
