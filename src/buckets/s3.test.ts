import { after } from 'node:test'
import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { bucketSuite } from '../../test/suites/bucket.ts'
import { bandwidthSuite } from '../../test/suites/bucket-bandwidth.ts'
import { openBucket } from './open.ts'

const moto = await startMoto()
const access = isMissing(moto) ? {} : moto.access
if (!isMissing(moto)) after(() => moto.close())

bucketSuite('S3 with conditional writes', {
  open: (bucket = BUCKET) => openBucket({ scheme: 's3', bucket }, access),
  conditional: true,
  checksum: 'md5',
  skip: isMissing(moto) ? moto.missing : undefined,
})

bandwidthSuite(moto)
