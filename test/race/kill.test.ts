import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { killAtRandom } from './kill.ts'

const COUNT = Number(process.env.BALLAST_KILLS ?? 40)
const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

test('commands killed at any instant, alone and in crowds, leave store and targets whole, and can be repeated', async (t) => {
  const { phases } = await killAtRandom({
    count: COUNT,
    seed: SEED,
    lanes: 2,
    print: (line) => t.diagnostic(line),
  })
  const kills = phases.reduce((sum, report) => sum + report.kills, 0)
  t.diagnostic(`kill: ${kills} of ${COUNT} commands were killed while they ran`)
  assert.ok(
    kills > COUNT * 0.6,
    `only ${kills} of ${COUNT} commands were still running when they were killed`,
  )
})
