import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runInterleavings } from '../test/race/interleavings.ts'

/**
 * node bench/interleavings.ts --count 3000 --seed N     gc beside add, embed, push, tag and remove
 * node bench/interleavings.ts --seed N --only 17        one of them again
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '3000' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    only: { type: 'string' },
  },
})

const started = performance.now()
await runInterleavings({
  count: Number(values.count),
  seed: values.seed,
  print: (line) => console.log(line),
  only: values.only === undefined ? undefined : Number(values.only),
})
console.log(`interleavings: all held, in ${Math.round((performance.now() - started) / 1000)} s`)
