import { parseArgs } from 'node:util'
import { percent } from '../test/race/fetch-kills.ts'
import { killTransfers } from '../test/race/transfer-kills.ts'
import { parseSize } from './harness.ts'

/** node bench/transfer-kills.ts --size 2GiB --files 4 --count 20    one push and one pull, each killed so many times */
const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '2GiB' },
    files: { type: 'string', default: '4' },
    count: { type: 'string', default: '20' },
  },
})

/** Issue 8: "under 10 % sent again". */
const MOST_AGAIN = 0.1

const started = performance.now()
const { sentAgain, fetchedAgain } = await killTransfers({
  size: parseSize(values.size),
  files: Number(values.files),
  kills: Number(values.count),
})
console.log(
  `transfer-kills: ${values.size} in ${values.files} files, ${values.count} kills of the push and of the pull, both whole in the end: ` +
    `${percent(sentAgain)} sent and ${percent(fetchedAgain)} fetched again, in ${Math.round((performance.now() - started) / 1000)} s`,
)
if (Math.max(sentAgain, fetchedAgain) >= MOST_AGAIN) {
  console.log(`transfer-kills: MISSED: less than ${percent(MOST_AGAIN)} was to be moved again`)
  process.exitCode = 1
}
