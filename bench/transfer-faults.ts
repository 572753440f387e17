import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { transferUnderFaults } from '../test/faults/transfers.ts'
import { percent } from '../test/race/fetch-kills.ts'

/** node bench/transfer-faults.ts --count 500 --seed N    pushes and pulls, each through a proxy that breaks a part of its requests */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '500' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
  },
})

const started = performance.now()
const { done, failed, sentAgain, met } = await transferUnderFaults({
  count: Number(values.count),
  seed: values.seed,
})
console.log(
  `transfer-faults: seed ${values.seed}: ${done} transfers ended right, ${failed} with a clear error, none with wrong content; ` +
    `${percent(sentAgain)} sent again, in ${Math.round((performance.now() - started) / 1000)} s; ` +
    `${met.expired} expired tokens, ${met.redirect} redirects, ${met['no-ranges']} ranges ignored, ${met.mount} mounts refused`,
)
