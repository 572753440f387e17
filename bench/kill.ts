import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { killAtRandom } from '../test/race/kill.ts'

/**
 * node bench/kill.ts --count 300 --seed N --parallel     random instants
 * node bench/kill.ts --every --phase gc                  before each call that changes the disk, one after the other
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '300' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    parallel: { type: 'boolean', default: false },
    every: { type: 'boolean', default: false },
    phase: { type: 'string' },
  },
})

const started = performance.now()
const reports = await killAtRandom({
  count: Number(values.count),
  seed: values.seed,
  lanes: values.parallel ? availableParallelism() : 1,
  print: (line) => console.log(line),
  everyCall: values.every,
  only: values.phase,
})
const kills = reports.reduce((sum, report) => sum + report.kills, 0)
console.log(`kill: ${kills} kills survived in ${Math.round((performance.now() - started) / 1000)} s`)
