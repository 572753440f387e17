import { after } from 'node:test'
import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { bucketSuite } from '../../test/suites/bucket.ts'
import { bandwidthSuite } from '../../test/suites/bucket-bandwidth.ts'
import { openBucket } from './open.ts'

const server = await startAzurite()
const access = isMissing(server) ? {} : server.access
if (!isMissing(server)) after(() => server.close())

bucketSuite('Azure Blob Storage', {
  open: (bucket = BUCKET) => openBucket({ scheme: 'az', bucket }, access),
  conditional: true,
  checksum: 'md5',
  skip: isMissing(server) ? server.missing : undefined,
})

bandwidthSuite(server)
