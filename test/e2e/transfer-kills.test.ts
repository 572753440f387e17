import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killTransfers } from '../race/transfer-kills.ts'

const KILLS = 3
/** What connections and their sockets may hold when a process is killed that a busy machine had no time for, in bytes. */
const ON_THE_WAY = 16 * 1024 * 1024

/** `bench/transfer-kills.ts` does it with more, and more often. */
test('a push and a pull that are killed go on where they stopped, and what arrives is whole', async (t) => {
  const again = await killTransfers({ size: 192 * 1024 * 1024, files: 3, kills: KILLS })
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
  t.diagnostic(`${percent(again.sentAgain)} sent and ${percent(again.fetchedAgain)} fetched again`)
  assert.ok(again.bytesSentAgain < KILLS * ON_THE_WAY, `${again.bytesSentAgain} bytes sent again`)
  assert.ok(again.bytesFetchedAgain < KILLS * ON_THE_WAY, `${again.bytesFetchedAgain} bytes fetched again`)
})
