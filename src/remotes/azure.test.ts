import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { bucketRemoteSuite } from '../../test/suites/bucket-remote.ts'

bucketRemoteSuite('Azure Blob Storage', { server: await startAzurite(), moves: 40 })
