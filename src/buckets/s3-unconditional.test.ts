import { after } from 'node:test'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { startSwift } from '../../test/fixtures/buckets/swift.ts'
import { bucketSuite } from '../../test/suites/bucket.ts'
import { openBucket } from './open.ts'

const server = await startSwift()
const access = isMissing(server) ? {} : server.access
if (!isMissing(server)) after(() => server.close())

bucketSuite('S3 without conditional writes', {
  open: (bucket = BUCKET) => openBucket({ scheme: 's3', bucket }, access),
  conditional: false,
  checksum: 'md5',
  skip: isMissing(server) ? server.missing : undefined,
})
