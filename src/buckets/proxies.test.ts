import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startForwardProxy } from '../../test/doubles/forward-proxy.ts'
import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { isBallastError, readAll } from '../core/index.ts'
import { type BucketAccess, openBucket } from './open.ts'

const [moto, azurite] = await Promise.all([startMoto(), startAzurite()])
for (const server of [moto, azurite]) if (!isMissing(server)) after(() => server.close())

const SERVICES = [
  {
    name: 'S3',
    scheme: 's3',
    server: moto,
    host: 's3.amazonaws.com',
    elsewhere: (): BucketAccess => ({
      s3: { endpoint: 'http://s3.amazonaws.com', region: 'us-east-1' },
    }),
  },
  {
    name: 'Azure',
    scheme: 'az',
    server: azurite,
    host: 'devstoreaccount1.blob.core.windows.net',
    elsewhere: ({ azure }: BucketAccess): BucketAccess => ({
      azure: {
        connectionString: azure?.connectionString?.replace(
          /127\.0\.0\.1:\d+\/devstoreaccount1/,
          'devstoreaccount1.blob.core.windows.net',
        ),
      },
    }),
  },
] as const

for (const { name, scheme, server, host, elsewhere } of SERVICES) {
  const skip = isMissing(server) ? server.missing : undefined
  test(`${name} is reached through the proxy that is set, and says so where that is not there`, {
    skip,
  }, async (t) => {
    if (isMissing(server)) return
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(JSON.stringify(server.access)) ?? []
    const proxy = await startForwardProxy(t, { targetPort: Number(port) })
    const open = (http: string) =>
      openBucket({ scheme, bucket: BUCKET }, { ...elsewhere(server.access), network: { proxies: { http } } })
    const bucket = await open(proxy.url)
    const data = Buffer.alloc(3_000_000, 'proxy')
    await bucket.put('a key/with (odd) letters+&=.bin', data)
    const object = await bucket.head('a key/with (odd) letters+&=.bin')
    assert.ok(object)
    const range = { offset: 5, length: 2_000_000 }
    assert.ok((await readAll(bucket.open(object).open(range), 3e6)).equals(data.subarray(5, 2_000_005)))
    assert.ok(proxy.asked().length > 0 && proxy.asked().every((asked) => asked.endsWith(` ${host}`)))
    const nowhere = await open('http://127.0.0.1:1')
    await assert.rejects(
      nowhere.head('x'),
      (error) => isBallastError(error, 'REMOTE') && /proxy 127\.0\.0\.1:1/.test(error.message),
    )
  })
}
