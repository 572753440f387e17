import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { temporaryDirectory } from '../fixtures/temporary.ts'
import { followThroughTrouble } from './following.ts'

const SEED = process.env.BALLAST_SEED ?? randomBytes(4).toString('hex')

test('targets that serve --follow keeps up end on the right versions, through outages and kills, whole at every instant and within their disk', async (t) => {
  t.diagnostic(`seed ${SEED}`)
  const { torn, mostDisk, budget, reads, swaps } = await followThroughTrouble({
    ...{ directory: await temporaryDirectory(t), seed: SEED },
    ...{ targets: 6, tags: 3, moves: 40, outages: 1, kills: 2, size: 1 << 20, budget: 16 },
  })
  t.diagnostic(`${swaps} swaps, ${reads} reads, ${mostDisk} of ${budget} bytes`)
  assert.deepEqual(torn, [])
  assert.ok(mostDisk <= budget, `${mostDisk} bytes of ${budget}`)
  assert.ok(reads > 100 && swaps > 12)
})
