import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fuzzScanner } from './scan-fuzz.ts'

test('changed files of the corpus and made-up pickles neither crash nor stop the scanner, nor fill the memory', async () => {
  const seed = randomBytes(4).toString('hex')
  const { inputs, failures } = await fuzzScanner({ seed, ms: 5000 })
  assert.deepEqual(failures, [], `seed ${seed}; longer: node bench/scan-fuzz.ts --minutes 10 --seed ${seed}`)
  assert.ok(inputs > 0)
})
