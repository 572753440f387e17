import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBucket } from '../../src/buckets/index.ts'
import { bytesContent, digestOf, readAll } from '../../src/core/index.ts'
import { BUCKET, type BucketServer, isMissing, type Missing } from '../fixtures/buckets/server.ts'

/** What is sent and what is received waits for the bandwidth that others use too. */
export function bandwidthSuite(server: BucketServer | Missing): void {
  const skip = isMissing(server) ? server.missing : undefined
  test('what a bucket is sent and sends counts for the bandwidth', { skip }, async () => {
    if (isMissing(server)) return
    let taken = 0
    const bandwidth = {
      async take(bytes: number) {
        taken += bytes
      },
    }
    const access = { ...server.access, network: { bandwidth } }
    const bucket = await openBucket({ scheme: server.scheme, bucket: BUCKET }, access)
    const data = Buffer.alloc(17 * 1024 * 1024, 'limited')
    const part = data.subarray(0, 2_000_000)
    for (const bytes of [part, data]) {
      const before = taken
      await bucket.upload('limited', bytesContent(bytes), { digest: digestOf(bytes), item: 'limited' })
      assert.ok(taken - before >= bytes.length)
    }
    const object = await bucket.head('limited')
    assert.ok(object)
    const before = taken
    await readAll(bucket.open(object).open({ offset: 0, length: part.length }), part.length)
    assert.ok(taken - before >= part.length)
    await bucket.remove('limited')
  })
}
