import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { bytesContent } from '../src/core/index.ts'
import { randomAccess } from '../src/formats/index.ts'
import { createSpool, scanFile } from '../src/scan/index.ts'
import { fuzzScanner } from '../test/hostile/scan-fuzz.ts'
import { fuzzInput, readCorpus } from '../test/hostile/scan-inputs.ts'

/**
 * node bench/scan-fuzz.ts --minutes 10 --seed N     changed files of the corpus, and pickles of any opcodes
 * node bench/scan-fuzz.ts --seed N --input 1234     one of them again
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    input: { type: 'string' },
  },
})

if (values.input !== undefined) {
  const { path, bytes } = fuzzInput(readCorpus(), values.seed, Number(values.input))
  const spool = createSpool(tmpdir())
  console.log(
    JSON.stringify(await scanFile(randomAccess(path, bytesContent(bytes)), { spool }), undefined, 2),
  )
  await spool.close()
} else {
  console.log(`scan-fuzz: seed ${values.seed}`)
  const { inputs, largestRss, slowest, failures } = await fuzzScanner({
    seed: values.seed,
    ms: Number(values.minutes) * 60_000,
  })
  for (const failure of failures) console.log(`scan-fuzz: ${failure}`)
  console.log(
    `scan-fuzz: ${inputs} inputs, at most ${Math.round(largestRss / 1024 ** 2)} MiB and ${slowest.ms} ms of the processor for one (input ${slowest.index}), ${failures.length} failures`,
  )
  if (failures.length > 0) process.exitCode = 1
}
