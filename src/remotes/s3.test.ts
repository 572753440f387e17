import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { bucketRemoteSuite } from '../../test/suites/bucket-remote.ts'

bucketRemoteSuite('S3 with conditional writes', { server: await startMoto(), moves: 40 })
