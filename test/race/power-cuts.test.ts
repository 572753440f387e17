import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { cutPower } from '../power/cuts.ts'
import { cannotRecord } from '../power/disk.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

test('a disk whose power goes at any instant keeps every version and move of a tag that was acknowledged', {
  skip: cannotRecord() ?? false,
}, async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const { cuts, failures } = await cutPower({
    cuts: Number(process.env.BALLAST_POWER_CUTS ?? 3),
    seed: SEED,
    writers: 2,
    steps: 3,
    isSynced: true,
    mountOptions: '',
    print: (line) => t.diagnostic(line),
    keep: undefined,
  })
  assert.ok(cuts > 0)
  assert.deepEqual(failures, [])
})
