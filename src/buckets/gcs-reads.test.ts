import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { Storage } from '@google-cloud/storage'
import { workloadIdentity } from '../../test/fixtures/buckets/workload-identity.ts'
import { listenOnLoopback } from '../../test/fixtures/on-loopback.ts'
import { readAll } from '../core/index.ts'
import { gcsReads } from './gcs-reads.ts'

const RANGE = { offset: 3, length: 4 }

test('a read shows the token that the library has got, and asks for the bytes as they are stored', async (t) => {
  const { read, asked } = await opened(t, (_, response) => {
    response.writeHead(206, { 'content-range': 'bytes 3-6/9', 'content-encoding': 'gzip' }).end('3456')
  })
  const body = await read({ key: 'a/b c', generation: '7', range: RANGE }, undefined)
  assert.equal(`${await readAll(body, 100)}`, '3456')
  const [{ url, headers }] = asked as [IncomingMessage]
  assert.equal(url, '/storage/v1/b/models/o/a%2Fb%20c?alt=media&generation=7')
  assert.equal(headers.authorization, 'Bearer the token')
  assert.equal(headers['accept-encoding'], 'gzip')
  assert.equal(headers.range, 'bytes=3-6')
})

test('another range than was asked for is no answer, and neither is the whole object', async (t) => {
  const answers = [
    { status: 200, range: undefined },
    { status: 206, range: 'bytes 0-3/9' },
  ]
  for (const { status, range } of answers) {
    const { read } = await opened(t, (_, response) => {
      response.writeHead(status, { ...(range && { 'content-range': range }) }).end('0123')
    })
    await assert.rejects(read({ key: 'a', range: RANGE }, undefined), /another range than was asked for/)
  }
})

test('a refusal has its status and what the server says', async (t) => {
  const { read } = await opened(t, (_, response) => void response.writeHead(403).end('no access to models'))
  await assert.rejects(read({ key: 'a' }, undefined), { code: 403, message: 'no access to models' })
})

/** A service to which the library logs in by the identity of a workload. */
async function opened(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: IncomingMessage[] = []
  const port = await listenOnLoopback(
    t,
    createServer((request, response) => {
      request.resume()
      if (request.url === '/token') {
        const token = { access_token: 'the token', token_type: 'Bearer', expires_in: 3600 }
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token))
        return
      }
      asked.push(request)
      answer(request, response)
    }),
  )
  const storage = new Storage({
    keyFilename: await workloadIdentity(t, port),
    apiEndpoint: `http://127.0.0.1:${port}`,
  })
  return { read: gcsReads(storage, { bucket: 'models', network: undefined, hasLogin: true }), asked }
}
