import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { AWS_ENV } from '../../test/fixtures/buckets/server.ts'
import { BallastError } from '../core/index.ts'
import { openBucket } from './open.ts'

Object.assign(process.env, AWS_ENV)

interface Case {
  readonly status: number
  readonly code: string
  readonly expected: BallastError['code']
  readonly says: RegExp
}

const CASES: readonly Case[] = [
  { status: 400, code: 'ExpiredToken', expected: 'UNAUTHORIZED', says: /expired.*aws command/s },
  { status: 403, code: 'InvalidAccessKeyId', expected: 'UNAUTHORIZED', says: /AWS_PROFILE/ },
  { status: 403, code: 'SignatureDoesNotMatch', expected: 'UNAUTHORIZED', says: /AWS_PROFILE/ },
  { status: 403, code: 'AccessDenied', expected: 'UNAUTHORIZED', says: /AccessDenied/ },
  { status: 403, code: 'QuotaExceeded', expected: 'DISK', says: /no space/ },
  { status: 507, code: 'XMinioStorageFull', expected: 'DISK', says: /no space/ },
  { status: 404, code: 'NoSuchBucket', expected: 'NOT_FOUND', says: /no bucket s3:\/\/models/ },
  { status: 400, code: 'EntityTooLarge', expected: 'REMOTE', says: /EntityTooLarge/ },
]

for (const { status, code, expected, says } of CASES) {
  test(`a write that is answered with ${code} is ${expected}, and says what to do`, async (t) => {
    const bucket = await openBucket({ scheme: 's3', bucket: 'models' }, await refusing(t, { status, code }))
    await assert.rejects(bucket.put('key', Buffer.from('x')), (error) => {
      assert.ok(error instanceof BallastError, String(error))
      assert.equal(error.code, expected)
      assert.match(`${error.message}\n${error.hint}`, says)
      return true
    })
  })
}

test('why an object is not shown is asked for, where the answer to HEAD cannot say it', async (t) => {
  const access = await refusing(t, { status: 400, code: 'ExpiredToken' })
  const bucket = await openBucket({ scheme: 's3', bucket: 'models' }, access)
  await assert.rejects(bucket.head('key'), (error) => {
    assert.ok(error instanceof BallastError && error.code === 'UNAUTHORIZED', String(error))
    assert.match(error.message, /expired/)
    return true
  })
})

test('a server that nobody runs is said to be unreachable', async () => {
  const access = { s3: { endpoint: 'http://127.0.0.1:1' } }
  const bucket = await openBucket({ scheme: 's3', bucket: 'models' }, access)
  await assert.rejects(bucket.head('key'), (error) => {
    assert.ok(error instanceof BallastError && error.code === 'REMOTE' && error.retryable, String(error))
    assert.match(error.message, /S3 server 127\.0\.0\.1:1 does not answer \(connection refused\)/)
    return true
  })
})

async function refusing(
  t: TestContext,
  { status, code }: { readonly status: number; readonly code: string },
) {
  const server = createServer((request, response) => {
    request.resume()
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>The words of the server</Message></Error>`
    response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(request.method === 'HEAD' ? undefined : body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { s3: { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } }
}
