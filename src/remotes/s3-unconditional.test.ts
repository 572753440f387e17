import { startSwift } from '../../test/fixtures/buckets/swift.ts'
import { bucketRemoteSuite } from '../../test/suites/bucket-remote.ts'

bucketRemoteSuite('S3 without conditional writes, by a lock', {
  server: await startSwift(),
  moves: 4,
  lock: true,
})
