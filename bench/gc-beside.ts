import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { describeBeside, gcBeside } from '../test/race/gc-beside.ts'

/** node bench/gc-beside.ts --minutes 10 --seed N     eight processes of the command beside a gc in a loop */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
  },
})

console.log(`gc-beside: seed ${values.seed}, ${values.minutes} minutes`)
const report = await gcBeside({ seed: values.seed, ms: Number(values.minutes) * 60_000 })
for (const line of describeBeside(report)) console.log(`gc-beside: ${line}`)

const never = Object.entries(report.done).filter(([, { done }]) => done === 0)
if (never.length > 0 || report.versionsRemoved === 0) {
  console.log(`gc-beside: MISSED: ${never.map(([kind]) => kind).join(', ') || 'no version went'}`)
  process.exitCode = 1
}
