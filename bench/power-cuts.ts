import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { cutPower } from '../test/power/cuts.ts'
import { cannotRecord } from '../test/power/disk.ts'

/**
 * node bench/power-cuts.ts --cuts 200 --seed N           the power of a store's disk goes at random instants
 * node bench/power-cuts.ts --mount-options data=writeback
 * node bench/power-cuts.ts --keep DIRECTORY              keeps the disks of cuts after which something was lost
 * node bench/power-cuts.ts --unsynced                   commands without fsync: must find what is lost
 */
const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '200' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    writers: { type: 'string', default: '2' },
    steps: { type: 'string', default: '30' },
    'mount-options': { type: 'string', default: '' },
    keep: { type: 'string' },
    unsynced: { type: 'boolean', default: false },
  },
})

const reason = cannotRecord()
if (reason !== undefined) throw new Error(`no disk can be recorded here: ${reason}`)
const started = performance.now()
console.log(`power-cuts: seed ${values.seed}`)
const report = await cutPower({
  cuts: Number(values.cuts),
  seed: values.seed,
  writers: Number(values.writers),
  steps: Number(values.steps),
  isSynced: !values.unsynced,
  mountOptions: values['mount-options'],
  print: (line) => console.log(line),
  keep: values.keep,
})
const { kept, dropped, torn } = report.writes
const { moves, versions, targets } = report.acknowledged
const atWork = Object.entries(report.atWork).map(([verb, times]) => `${verb} ${times}`)
console.log(
  `power-cuts: writes since the last flush: ${kept} kept, ${dropped} dropped, ${torn} torn; at work: ${atWork.sort().join(', ')}`,
)
console.log(
  `power-cuts: looked for ${versions} acknowledged versions, ${moves} moves of tags, ${targets} targets`,
)
console.log(
  `power-cuts: ${report.cuts} cuts, ${report.failures.length} failures, in ${Math.round((performance.now() - started) / 1000)} s`,
)
// Where nothing is synced and nothing is found, the rest proves nothing.
if (report.failures.length > 0 !== values.unsynced) process.exitCode = 1
