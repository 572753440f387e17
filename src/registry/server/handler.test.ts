import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { request } from 'undici'
import { createMemoryStorage } from '../../../test/doubles/memory-storage.ts'
import { digestOf } from '../../core/index.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../model/index.ts'
import { openStore } from '../../store/index.ts'
import { startRegistry } from './start.ts'
import type { RegistryStorage } from './storage.ts'
import { createStoreStorage } from './store-storage.ts'

type Headers = Readonly<Record<string, string>>

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
  /** The first OCI error code of the body. */
  readonly code: string | undefined
}

type Ask = (
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  options?: { readonly headers?: Headers; readonly body?: Uint8Array | string },
) => Promise<Answered>

const DATA = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 251))
const DIGEST = digestOf(DATA)
const MISSING = digestOf('missing')
const UPLOADS = '/v2/team/app/blobs/uploads/'
const BLOB = `/v2/team/app/blobs/${DIGEST}`

const STORAGES: Readonly<Record<string, (context: TestContext) => Promise<RegistryStorage>>> = {
  memory: async () => createMemoryStorage(),
  async store(context) {
    const directory = await mkdtemp(join(tmpdir(), 'ballast-registry-'))
    context.after(() => rm(directory, { recursive: true, force: true }))
    return createStoreStorage(await openStore(directory))
  },
}

for (const [name, storage] of Object.entries(STORAGES)) {
  const registryTest = (title: string, body: (ask: Ask, context: TestContext) => Promise<void>): void =>
    void test(title, async (context) => body(await start(context, await storage(context)), context))

  describe(`the distribution API over ${name}`, () => {
    registryTest('paths and methods that are not there', async (ask) => {
      const cases = [
        ['GET', '/v2/', 200, undefined],
        ['GET', '/v2', 200, undefined],
        ['GET', '/', 404, 'UNSUPPORTED'],
        ['GET', '/v2/_catalog', 404, 'UNSUPPORTED'],
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
        ['DELETE', `/v2/none/blobs/${MISSING}`, 405, 'UNSUPPORTED'],
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

    registryTest('POST and PUT', async (ask) => {
      const opened = await ask('POST', UPLOADS)
      assert.equal(opened.status, 202)
      assert.equal(opened.headers.range, '0-0')
      const location = locationOf(opened)
      assert.match(location, /^\/v2\/team\/app\/blobs\/uploads\/[\w-]+$/, 'relative, for proxies')
      const stored = await ask('PUT', `${location}?digest=${DIGEST}`, { body: DATA })
      assert.equal(stored.status, 201)
      assert.equal(stored.headers['docker-content-digest'], DIGEST)
      assert.equal(locationOf(stored), BLOB)
      assert.deepEqual((await ask('GET', BLOB)).bytes, DATA)
      assert.equal((await ask('GET', location)).status, 404)
    })

    registryTest('one POST, one PATCH, chunks, and the last chunk on the PUT', async (ask) => {
      assert.equal((await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })).status, 201)

      const streamed = locationOf(await ask('POST', UPLOADS))
      const patched = await ask('PATCH', streamed, { body: DATA })
      assert.deepEqual([patched.status, patched.headers.range], [202, '0-2999'])
      assert.equal((await ask('PUT', `${locationOf(patched)}?digest=${DIGEST}`)).status, 201)

      const chunked = locationOf(await ask('POST', UPLOADS))
      const first = chunk(DATA.subarray(0, 1000), 0)
      assert.equal((await ask('PATCH', chunked, first)).headers.range, '0-999')
      assert.equal(
        (await ask('PATCH', chunked, chunk(DATA.subarray(1000, 1500), 1000))).headers.range,
        '0-1499',
      )
      const last = chunk(DATA.subarray(1500), 1500)
      assert.equal((await ask('PUT', `${chunked}?digest=${DIGEST}`, last)).status, 201)
      assert.deepEqual((await ask('GET', BLOB)).bytes, DATA)
    })

    registryTest('a chunk out of order is refused, and the upload goes on', async (ask) => {
      const location = locationOf(await ask('POST', UPLOADS))
      assert.equal((await ask('PATCH', location, chunk(DATA.subarray(0, 1000), 0))).status, 202)
      for (const wrong of [chunk(DATA.subarray(2000), 2000), chunk(DATA.subarray(0, 1000), 0)]) {
        const refused = await ask('PATCH', location, wrong)
        assert.deepEqual(
          [refused.status, refused.code, refused.headers.range],
          [416, 'RANGE_INVALID', '0-999'],
        )
      }
      const longer = { headers: { 'content-range': '1000-1010' }, body: DATA.subarray(1000) }
      assert.equal((await ask('PATCH', location, longer)).code, 'SIZE_INVALID')
      const status = await ask('GET', location)
      assert.deepEqual([status.status, status.headers.range, locationOf(status)], [204, '0-999', location])
      assert.equal((await ask('PATCH', location, chunk(DATA.subarray(1000), 1000))).status, 202)
      assert.equal((await ask('PUT', `${location}?digest=${DIGEST}`)).status, 201)
    })

    registryTest('a wrong digest is refused by every way of pushing, and nothing is visible', async (ask) => {
      const single = await ask('POST', `${UPLOADS}?digest=${MISSING}`, { body: DATA })
      assert.deepEqual([single.status, single.code], [400, 'DIGEST_INVALID'])
      const location = locationOf(await ask('POST', UPLOADS))
      assert.equal((await ask('PATCH', location, { body: DATA })).status, 202)
      assert.equal((await ask('PUT', `${location}?digest=${MISSING}`)).code, 'DIGEST_INVALID')
      for (const digest of [MISSING, DIGEST]) {
        assert.equal((await ask('HEAD', `/v2/team/app/blobs/${digest}`)).status, 404)
      }
      assert.equal((await ask('GET', location)).status, 404, 'the upload is over')
    })

    registryTest('an upload is cancelled', async (ask) => {
      const location = locationOf(await ask('POST', UPLOADS))
      assert.equal((await ask('PATCH', location, { body: DATA })).status, 202)
      assert.equal((await ask('DELETE', location)).status, 204)
      assert.equal((await ask('PUT', `${location}?digest=${DIGEST}`)).code, 'BLOB_UPLOAD_UNKNOWN')
      assert.equal((await ask('DELETE', location)).status, 404)
    })

    registryTest('a blob is mounted where it is there', async (ask) => {
      await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
      const mounted = await ask('POST', `/v2/other/blobs/uploads/?mount=${DIGEST}&from=team/app`)
      assert.deepEqual([mounted.status, locationOf(mounted)], [201, `/v2/other/blobs/${DIGEST}`])
      const opened = await ask('POST', `/v2/other/blobs/uploads/?mount=${MISSING}&from=team/app`)
      assert.equal(opened.status, 202)
      assert.equal((await ask('DELETE', locationOf(opened))).status, 204)
    })

    registryTest('a blob has length, digest and one range', async (ask) => {
      await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
      const head = await ask('HEAD', BLOB)
      assert.deepEqual(
        [
          head.status,
          head.headers['content-length'],
          head.headers['docker-content-digest'],
          head.headers.etag,
        ],
        [200, '3000', DIGEST, `"${DIGEST}"`],
      )
      assert.equal(head.headers['content-encoding'], undefined)
      for (const [range, first, last] of [
        ['bytes=500-1499', 500, 1499],
        ['bytes=500-', 500, 2999],
        ['bytes=-500', 2500, 2999],
        ['bytes=2000-5000', 2000, 2999],
      ] as const) {
        const part = await ask('GET', BLOB, { headers: { range, 'accept-encoding': 'gzip' } })
        assert.equal(part.status, 206, range)
        assert.equal(part.headers['content-range'], `bytes ${first}-${last}/3000`)
        assert.equal(part.headers['content-length'], `${last - first + 1}`)
        assert.deepEqual(part.bytes, DATA.subarray(first, last + 1))
      }
      for (const range of ['bytes=500-0', 'bytes=5000-10000']) {
        const refused = await ask('GET', BLOB, { headers: { range } })
        assert.deepEqual([refused.status, refused.headers['content-range']], [416, 'bytes */3000'], range)
      }
      const several = await ask('GET', BLOB, { headers: { range: 'bytes=0-1,5-6' } })
      assert.deepEqual([several.status, several.bytes.length], [200, 3000])
    })

    registryTest('a manifest keeps its bytes and its type, under tag and digest', async (ask) => {
      const { bytes, digest } = await pushImage(ask, 'v1', { annotations: { odd: '  spaces   kept ' } })
      for (const reference of ['v1', digest]) {
        for (const method of ['GET', 'HEAD'] as const) {
          const answer = await ask(method, `/v2/team/app/manifests/${reference}`)
          assert.equal(answer.status, 200)
          assert.equal(answer.headers['content-type'], OCI_MANIFEST)
          assert.equal(answer.headers['docker-content-digest'], digest)
          assert.equal(answer.headers['content-length'], `${bytes.length}`)
          assert.deepEqual(answer.bytes, method === 'GET' ? bytes : Buffer.alloc(0))
        }
      }
    })

    registryTest('manifests that are refused', async (ask) => {
      const path = '/v2/team/app/manifests/v1'
      const config = { mediaType: OCI_CONFIG, digest: MISSING, size: 2 }
      const lacking = JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] })
      const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [config] })
      const as = (type: string, body: string | Uint8Array) => ({ headers: { 'content-type': type }, body })
      for (const [options, status, code] of [
        [as(OCI_MANIFEST, lacking), 404, 'MANIFEST_BLOB_UNKNOWN'],
        [as(OCI_INDEX, index), 404, 'MANIFEST_BLOB_UNKNOWN'],
        [as(OCI_INDEX, lacking), 400, 'MANIFEST_INVALID'],
        [as(OCI_MANIFEST, 'not json'), 400, 'MANIFEST_INVALID'],
        [as(OCI_MANIFEST, '{"schemaVersion":1}'), 400, 'MANIFEST_INVALID'],
        [as('application/x-other', '{"schemaVersion":2}'), 400, 'MANIFEST_INVALID'],
        [as(OCI_MANIFEST, Buffer.alloc(4 * 1024 * 1024 + 1, 32)), 413, 'SIZE_INVALID'],
      ] as const) {
        const answer = await ask('PUT', path, options)
        assert.deepEqual([answer.status, answer.code], [status, code])
      }
      const wrong = await ask('PUT', `/v2/team/app/manifests/${MISSING}`, as(OCI_MANIFEST, lacking))
      assert.equal(wrong.code, 'DIGEST_INVALID')
      assert.equal((await ask('GET', path)).status, 404)
    })

    registryTest('tags are sorted and paged', async (ask) => {
      for (const tag of ['b', 'C', 'a', 'd']) await pushImage(ask, tag)
      const list = async (query: string) => {
        const { bytes, headers } = await ask('GET', `/v2/team/app/tags/list${query}`)
        return [JSON.parse(bytes.toString()), headers.link]
      }
      const name = 'team/app'
      assert.deepEqual(await list(''), [{ name, tags: ['C', 'a', 'b', 'd'] }, undefined])
      const link = '</v2/team/app/tags/list?n=2&last=a>; rel="next"'
      assert.deepEqual(await list('?n=2'), [{ name, tags: ['C', 'a'] }, link])
      assert.deepEqual(await list('?n=2&last=a'), [{ name, tags: ['b', 'd'] }, undefined])
      assert.deepEqual(await list('?n=0'), [{ name, tags: [] }, undefined])
      assert.deepEqual(await list('?last=b'), [{ name, tags: ['d'] }, undefined])
    })

    registryTest('a tag is deleted alone, a manifest with its tags', async (ask) => {
      const { digest } = await pushImage(ask, 'one')
      await pushImage(ask, 'two')
      assert.equal((await ask('DELETE', '/v2/team/app/manifests/one')).status, 202)
      assert.equal((await ask('GET', '/v2/team/app/manifests/one')).status, 404)
      assert.equal((await ask('GET', '/v2/team/app/manifests/two')).status, 200)
      assert.equal((await ask('DELETE', `/v2/team/app/manifests/${digest}`)).status, 202)
      for (const reference of ['two', digest]) {
        assert.equal((await ask('GET', `/v2/team/app/manifests/${reference}`)).status, 404)
      }
      assert.equal((await ask('DELETE', `/v2/team/app/manifests/${digest}`)).status, 404)
    })

    registryTest('referrers of a manifest, filtered by type', async (ask) => {
      const { digest, bytes } = await pushImage(ask, 'v1')
      const subject = { mediaType: OCI_MANIFEST, digest, size: bytes.length }
      const path = `/v2/team/app/referrers/${digest}`
      assert.deepEqual(JSON.parse((await ask('GET', path)).bytes.toString()).manifests, [])
      const about = await pushImage(ask, undefined, { subject, artifactType: 'application/x-note' })
      assert.equal(about.subject, digest)
      const all = await ask('GET', path)
      assert.equal(all.headers['content-type'], OCI_INDEX)
      assert.deepEqual(JSON.parse(all.bytes.toString()).manifests, [
        {
          mediaType: OCI_MANIFEST,
          digest: about.digest,
          size: about.bytes.length,
          artifactType: 'application/x-note',
        },
      ])
      const filtered = await ask('GET', `${path}?artifactType=application/x-other`)
      assert.equal(filtered.headers['oci-filters-applied'], 'artifactType')
      assert.deepEqual(JSON.parse(filtered.bytes.toString()).manifests, [])
    })
  })
}

test('a failure is logged and answered without internals', async (context) => {
  const lines: string[] = []
  const storage = {
    ...createMemoryStorage(),
    openBlob: () => Promise.reject(new Error('https://user:secret@inside')),
  }
  const ask = await start(context, storage, (line) => lines.push(line))
  const answer = await ask('GET', BLOB)
  assert.deepEqual([answer.status, answer.code], [500, 'UNKNOWN'])
  assert.doesNotMatch(answer.bytes.toString(), /inside/)
  assert.match(lines.join(), /GET \/v2\/team\/app\/blobs.*inside/s)
  assert.doesNotMatch(lines.join(), /secret/)
})

async function start(
  context: TestContext,
  storage: RegistryStorage,
  log: (line: string) => void = (line) => console.error(line),
): Promise<Ask> {
  const registry = await startRegistry({ storage, log })
  context.after(registry.close)
  return async (method, path, { headers = {}, body } = {}) => {
    const answer = await request(`${registry.url}${path}`, { method, headers, body: body ?? null })
    const bytes = Buffer.from(await answer.body.arrayBuffer())
    return { status: answer.statusCode, headers: answer.headers, bytes, code: codeOf(bytes) }
  }
}

async function pushImage(
  ask: Ask,
  tag: string | undefined,
  extra: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly digest: string; readonly bytes: Buffer; readonly subject: unknown }> {
  const config = Buffer.from('{}')
  for (const blob of [config, DATA]) await ask('POST', `${UPLOADS}?digest=${digestOf(blob)}`, { body: blob })
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
      layers: [{ mediaType: OCI_LAYER, digest: DIGEST, size: DATA.length }],
      ...extra,
    }),
  )
  const digest = digestOf(bytes)
  const path = `/v2/team/app/manifests/${tag ?? digest}`
  const stored = await ask('PUT', path, { headers: { 'content-type': OCI_MANIFEST }, body: bytes })
  assert.equal(stored.status, 201, stored.bytes.toString())
  assert.equal(stored.headers['docker-content-digest'], digest)
  return { digest, bytes, subject: stored.headers['oci-subject'] }
}

function chunk(body: Uint8Array, offset: number): { readonly headers: Headers; readonly body: Uint8Array } {
  return { headers: { 'content-range': `${offset}-${offset + body.length - 1}` }, body }
}

function locationOf({ headers }: Answered): string {
  assert.equal(typeof headers.location, 'string')
  return headers.location as string
}

function codeOf(bytes: Buffer): string | undefined {
  try {
    return JSON.parse(bytes.toString()).errors?.[0]?.code
  } catch {
    return undefined
  }
}
