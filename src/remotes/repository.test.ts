import { after } from 'node:test'
import { startFakeGcs } from '../../test/fixtures/buckets/fake-gcs.ts'
import { BUCKET, isMissing } from '../../test/fixtures/buckets/server.ts'
import { imageRepositorySuite } from '../../test/suites/image-repository.ts'
import { openBucket } from '../buckets/index.ts'
import { parseName } from '../model/index.ts'
import { openBucketRepository } from './repository.ts'

const server = await startFakeGcs()
let roots = 0

if (!isMissing(server)) {
  after(() => server.close())
  imageRepositorySuite('a remote in a bucket', async (context) => {
    const bucket = await openBucket({ scheme: server.scheme, bucket: BUCKET }, server.access)
    const repository = openBucketRepository(bucket, { root: `suite/${++roots}`, name: parseName('app') })
    context.after(() => repository.close())
    return repository
  })
}
