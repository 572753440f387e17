import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startForwardProxy } from '../../test/doubles/forward-proxy.ts'
import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { isBallastError, readAll } from '../core/index.ts'
import { openBucket } from './open.ts'

const moto = await startMoto()
if (!isMissing(moto)) after(() => moto.close())
const skip = isMissing(moto) ? moto.missing : undefined

test('S3 is reached through the proxy that is set, and says so where that is not there', {
  skip,
}, async (t) => {
  if (isMissing(moto)) return
  const targetPort = Number(new URL(moto.access.s3?.endpoint ?? '').port)
  const proxy = await startForwardProxy(t, { targetPort })
  const s3 = { endpoint: 'http://s3.amazonaws.com', region: 'us-east-1' }
  const open = (http: string) =>
    openBucket({ scheme: 's3', bucket: BUCKET }, { s3, network: { proxies: { http } } })
  const bucket = await open(proxy.url)
  const data = Buffer.alloc(3_000_000, 'proxy')
  await bucket.put('a key/with (odd) letters+&=.bin', data)
  const object = await bucket.head('a key/with (odd) letters+&=.bin')
  assert.ok(object)
  const range = { offset: 5, length: 2_000_000 }
  assert.ok((await readAll(bucket.open(object).open(range), 3e6)).equals(data.subarray(5, 2_000_005)))
  assert.ok(proxy.asked().every((asked) => asked.endsWith(' s3.amazonaws.com')))
  const nowhere = await open('http://127.0.0.1:1')
  await assert.rejects(
    nowhere.head('x'),
    (error) => isBallastError(error, 'REMOTE') && /proxy 127\.0\.0\.1:1/.test(error.message),
  )
})
