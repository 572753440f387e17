import { tmpdir } from 'node:os'
import { bytesContent } from '../../src/core/index.ts'
import { randomAccess } from '../../src/formats/index.ts'
import { createSpool, scanFile, VERDICTS } from '../../src/scan/index.ts'
import { fuzzInput, readCorpus } from './scan-inputs.ts'

/** node scan-child.ts SEED FIRST: scans one input after the other until it is ended, and tells the number of each before. */
const [seed = '', first = '0'] = process.argv.slice(2)
const corpus = readCorpus()

let last = process.cpuUsage()
for (let index = Number(first); ; index++) {
  const { path, bytes } = fuzzInput(corpus, seed, index)
  const { user, system } = process.cpuUsage(last)
  last = process.cpuUsage()
  process.send?.({ index, rss: process.memoryUsage.rss(), ms: (user + system) / 1000 })
  const spool = createSpool(tmpdir())
  try {
    const { verdict } = await scanFile(randomAccess(path, bytesContent(bytes)), { spool })
    if (!VERDICTS.includes(verdict)) throw new Error(`no verdict: ${verdict}`)
  } finally {
    await spool.close()
  }
  // Whoever is told has to be heard too.
  if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
}
