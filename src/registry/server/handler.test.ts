import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BLOB, MISSING, registryTests, startAsked } from '../../../test/doubles/distribution-api.ts'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'

registryTests('paths', (registryTest) => {
  registryTest('paths and methods that are not there', async (ask) => {
    const cases = [
      ['GET', '/v2/', 200, undefined],
      ['GET', '/v2', 200, undefined],
      ['GET', '/', 404, 'UNSUPPORTED'],
      ['GET', '/v2/_catalog', 200, undefined],
      ['PUT', '/v2/_catalog', 405, 'UNSUPPORTED'],
      ['GET', '/v2/Team/tags/list', 400, 'NAME_INVALID'],
      ['GET', '/v2/a/../b/tags/list', 404, 'NAME_UNKNOWN'],
      ['GET', '/v2/none/tags/list', 404, 'NAME_UNKNOWN'],
      ['GET', '/v2/none/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
      ['GET', `/v2/none/manifests/${MISSING}`, 404, 'MANIFEST_UNKNOWN'],
      ['GET', '/v2/none/manifests/sha256:bad', 404, 'MANIFEST_UNKNOWN'],
      ['DELETE', '/v2/none/manifests/latest', 404, 'MANIFEST_UNKNOWN'],
      ['POST', '/v2/none/manifests/latest', 405, 'UNSUPPORTED'],
      ['GET', `/v2/none/blobs/${MISSING}`, 404, 'BLOB_UNKNOWN'],
      ['GET', '/v2/none/blobs/sha256:bad', 404, 'BLOB_UNKNOWN'],
      ['DELETE', `/v2/none/blobs/${MISSING}`, 404, 'BLOB_UNKNOWN'],
      ['PUT', `/v2/none/blobs/${MISSING}`, 405, 'UNSUPPORTED'],
      ['PUT', '/v2/none/blobs/uploads/', 405, 'UNSUPPORTED'],
      ['GET', '/v2/none/blobs/uploads/123', 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['PATCH', '/v2/none/blobs/uploads/123', 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['DELETE', '/v2/none/blobs/uploads/123', 404, 'BLOB_UPLOAD_UNKNOWN'],
      ['POST', '/v2/none/blobs/uploads/?digest=sha256:bad', 400, 'DIGEST_INVALID'],
      ['PUT', '/v2/none/manifests/.bad', 400, 'TAG_INVALID'],
      ['PUT', '/v2/none/manifests/sha256:bad', 400, 'DIGEST_INVALID'],
      ['PUT', '/v2/none/manifests/latest', 400, 'MANIFEST_INVALID'],
    ] as const
    for (const [method, path, status, code] of cases) {
      const answer = await ask(method, path)
      assert.deepEqual([answer.status, answer.code], [status, code], `${method} ${path}`)
    }
  })
})

test('a failure is logged and answered without internals', async (context) => {
  const lines: string[] = []
  const storage = {
    ...createMemoryStorage(),
    openBlob: () => Promise.reject(new Error('https://user:secret@inside')),
  }
  const ask = await startAsked(context, storage, { log: (line) => lines.push(line) })
  const answer = await ask('GET', BLOB)
  assert.deepEqual([answer.status, answer.code], [500, 'UNKNOWN'])
  assert.doesNotMatch(answer.bytes.toString(), /inside/)
  assert.match(lines.join(), /GET \/v2\/team\/app\/blobs.*inside/s)
  assert.doesNotMatch(lines.join(), /secret/)
})
