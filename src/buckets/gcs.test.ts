import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startFakeGcs } from '../../test/fixtures/buckets/fake-gcs.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { bucketSuite } from '../../test/suites/bucket.ts'
import { bandwidthSuite } from '../../test/suites/bucket-bandwidth.ts'
import { isBallastError } from '../core/index.ts'
import { openBucket } from './open.ts'

const server = await startFakeGcs()
const access = isMissing(server) ? {} : server.access
if (!isMissing(server)) after(() => server.close())

bucketSuite('Google Cloud Storage', {
  open: (bucket = BUCKET) => openBucket({ scheme: 'gs', bucket }, access),
  conditional: true,
  checksum: 'md5',
  skip: isMissing(server) ? server.missing : undefined,
})

bandwidthSuite(server)

test('credentials that are not where they are said to be are told as that', async (t) => {
  const former = process.env.GOOGLE_APPLICATION_CREDENTIALS
  process.env.GOOGLE_APPLICATION_CREDENTIALS = '/nonexistent/key.json'
  t.after(() => {
    if (former === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS
    else process.env.GOOGLE_APPLICATION_CREDENTIALS = former
  })
  const bucket = await openBucket({ scheme: 'gs', bucket: BUCKET }, {})
  await assert.rejects(
    bucket.list('x/')[Symbol.asyncIterator]().next(),
    (error) => isBallastError(error, 'UNAUTHORIZED') && error.message.includes('/nonexistent/key.json'),
  )
})
