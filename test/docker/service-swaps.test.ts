import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runReplicaSwaps } from '../../bench/replica-swaps.ts'
import { pythonService, typescriptService } from '../../bench/replicas.ts'
import { nodeExampleMissing } from '../fixtures/node-example.ts'
import { exampleMissing } from '../fixtures/python-example.ts'
import { temporaryDirectory } from '../fixtures/temporary.ts'

const skip = nodeExampleMissing() || exampleMissing()
const SWAPS = 12

test('both example services, two replicas each, swapped under load with a proven reload: no request fails, every answer is of one whole version', {
  skip,
}, async (t) => {
  const directory = await temporaryDirectory(t)
  const ends: (() => Promise<unknown>)[] = []
  t.after(async () => {
    for (const end of ends.reverse()) await end()
  })
  const cleanups = { after: (work: () => Promise<unknown>) => void ends.push(work) }
  const services = [await typescriptService(cleanups, directory), await pythonService(cleanups, directory)]
  const { still, swapping, currentMs } = await runReplicaSwaps(cleanups, {
    ...{ directory, services, swaps: SWAPS, everyMs: 0, versions: 5, rate: 200, blocks: 2, stillSeconds: 1 },
  })
  t.diagnostic(JSON.stringify({ currentMs, still, swapping }))
  for (const { name } of services) {
    // A swap has ended when both replicas have answered from the version and Ballast has had it proven.
    assert.equal(currentMs[name]?.length, SWAPS, name)
    for (const answers of [still[name], swapping[name]]) {
      assert.deepEqual(answers?.problems, {}, name)
      assert.ok((answers?.ok ?? 0) > 100, name)
    }
  }
})
