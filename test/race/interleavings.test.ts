import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { runInterleavings } from './interleavings.ts'

const COUNT = Number(process.env.BALLAST_INTERLEAVINGS ?? 300)
const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

test('gc beside every other work on a store, call by call: no manifest is ever without its blobs', async (t) => {
  const different = await runInterleavings({ count: COUNT, seed: SEED, print: (line) => t.diagnostic(line) })
  assert.ok(different > COUNT * 0.8, `only ${different} of ${COUNT} interleavings differ`)
})
