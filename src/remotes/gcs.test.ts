import { startFakeGcs } from '../../test/fixtures/buckets/fake-gcs.ts'
import { bucketRemoteSuite } from '../../test/suites/bucket-remote.ts'

bucketRemoteSuite('Google Cloud Storage', { server: await startFakeGcs(), moves: 60 })
