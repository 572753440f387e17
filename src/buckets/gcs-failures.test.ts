import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { workloadIdentity } from '../../test/fixtures/buckets/workload-identity.ts'
import { listenOnLoopback } from '../../test/fixtures/on-loopback.ts'
import { temporaryDirectory } from '../../test/fixtures/temporary.ts'
import { BallastError } from '../core/index.ts'
import { openBucket } from './open.ts'

test('credentials that are not where they are said to be are told as that', async (t) => {
  await assertRefused(t, '/nonexistent/key.json', /\/nonexistent\/key\.json/)
})

test('a file that holds no credentials is told with what is wrong in it', async (t) => {
  await assertRefused(
    t,
    await keyFile(t, 'not JSON'),
    /no credentials.*GOOGLE_APPLICATION_CREDENTIALS.*JSON/s,
  )
  await assertRefused(t, await keyFile(t, '{"type":"service_account"}'), /client_email/)
})

for (const { description, says } of [
  { description: 'Token has been expired or revoked.', says: /have expired.*get new ones.*gcloud auth/s },
  { description: 'Invalid JWT Signature.', says: /gs:\/\/models refuses: .*Invalid JWT Signature/ },
]) {
  test(`an identity for which no token is given (${description}) is told, with where others are looked for`, async (t) => {
    const body = JSON.stringify({ error: 'invalid_grant', error_description: description })
    const port = await listenOnLoopback(
      t,
      createServer((request, response) => {
        request.resume()
        response.writeHead(400, { 'content-type': 'application/json' }).end(body)
      }),
    )
    await assertRefused(t, await workloadIdentity(t, port), says)
  })
}

async function keyFile(t: TestContext, content: string): Promise<string> {
  const path = join(await temporaryDirectory(t), 'key.json')
  await writeFile(path, content)
  return path
}

async function assertRefused(t: TestContext, credentials: string, says: RegExp): Promise<void> {
  const former = process.env.GOOGLE_APPLICATION_CREDENTIALS
  process.env.GOOGLE_APPLICATION_CREDENTIALS = credentials
  t.after(() => {
    if (former === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS
    else process.env.GOOGLE_APPLICATION_CREDENTIALS = former
  })
  const bucket = await openBucket({ scheme: 'gs', bucket: 'models' }, {})
  await assert.rejects(bucket.list('x/')[Symbol.asyncIterator]().next(), (error) => {
    assert.ok(error instanceof BallastError && error.code === 'UNAUTHORIZED', String(error))
    assert.match(`${error.message}\n${error.hint}`, says)
    return true
  })
}
