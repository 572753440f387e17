import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, type TestContext, test } from 'node:test'
import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { bytesContent, digestOf } from '../core/index.ts'
import { openBucket } from './open.ts'

const moto = await startMoto()
if (!isMissing(moto)) after(() => moto.close())
const skip = isMissing(moto) ? moto.missing : undefined

test('an upload whose last answer is lost has succeeded', { skip }, async (t) => {
  const bucket = await openBucket(
    { scheme: 's3', bucket: BUCKET },
    await losing(t, (url) => url.includes('uploadId=') && !url.includes('partNumber=')),
  )
  const data = Buffer.alloc(17 * 1024 * 1024, 'x')
  await bucket.upload('lost', bytesContent(data), { digest: digestOf(data), item: 'lost' })
  assert.equal((await bucket.head('lost'))?.size, data.length)
})

test('of a conditional write whose answer is lost, the bytes tell whose it is', { skip }, async (t) => {
  const bucket = await openBucket(
    { scheme: 's3', bucket: BUCKET },
    await losing(t, (url) => url.includes('/record')),
  )
  assert.equal(await bucket.put('record', Buffer.from('mine'), { onlyNew: true }), false)
  assert.equal(`${await bucket.get('record', { limit: 10 })}`, 'mine')
})

/** Breaks the connection after the first request that matches was carried out. */
async function losing(t: TestContext, matches: (url: string) => boolean) {
  if (isMissing(moto)) throw new Error(moto.missing)
  const target = new URL(moto.access.s3?.endpoint ?? '')
  let lost = false
  const server = createServer((incoming, outgoing) => {
    const { method, url = '', headers } = incoming
    const forwarded = request(
      { host: target.hostname, port: target.port, method, path: url, headers },
      (answer) => {
        if (!lost && method !== 'GET' && matches(url)) {
          lost = true
          answer.resume().on('end', () => outgoing.destroy())
          return
        }
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
      },
    )
    incoming.pipe(forwarded)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { s3: { endpoint, region: 'us-east-1' } }
}
