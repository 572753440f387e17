import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { killAtRandom } from '../test/race/kill.ts'

/**
 * node bench/kill.ts --count 300 --seed N --parallel     random instants, a third of them in crowds of eight processes
 * node bench/kill.ts --phase crowd                       only those
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
const { phases, besideGc } = await killAtRandom({
  count: Number(values.count),
  seed: values.seed,
  lanes: values.parallel ? availableParallelism() : 1,
  print: (line) => console.log(line),
  everyCall: values.every,
  only: values.phase,
})
const kills = phases.reduce((sum, report) => sum + report.kills, 0)
console.log(`kill: ${kills} kills survived in ${Math.round((performance.now() - started) / 1000)} s`)

const ENOUGH = 300
const unmet = Object.entries(besideGc).flatMap(([verb, times]) => (times === 0 ? [verb] : []))
if (unmet.length > 0 && Number(values.count) >= ENOUGH) {
  console.log(`kill: MISSED: never beside gc: ${unmet.join(', ')}`)
  process.exitCode = 1
}
