import { after } from 'node:test'
import { startFakeGcs } from '../../test/fixtures/buckets/fake-gcs.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { bucketSuite } from '../../test/suites/bucket.ts'
import { bandwidthSuite } from '../../test/suites/bucket-bandwidth.ts'
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
