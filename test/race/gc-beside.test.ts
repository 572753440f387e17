import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { describeBeside, gcBeside } from './gc-beside.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

/** The long run is `bench/gc-beside.ts`. */
test('gc in a loop, by policies too, beside eight processes removes nothing that is needed, and all else', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const report = await gcBeside({ seed: SEED, ms: 10_000 })
  for (const line of describeBeside(report)) t.diagnostic(line)
  assert.ok(report.collections > 0 && report.mounts > 0, describeBeside(report).join('\n'))
})
