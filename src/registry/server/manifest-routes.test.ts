import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { MISSING, pushImage, registryTests } from '../../../test/doubles/distribution-api.ts'
import { bytesContent, sha512Of } from '../../core/index.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../../model/index.ts'

registryTests('manifests and tags', (registryTest) => {
  registryTest('a manifest of unknown length is refused once it is too long', async (ask) => {
    async function* endless(): AsyncIterable<Uint8Array> {
      for (let count = 0; count < 80; count++) yield Buffer.alloc(65_536, 32)
    }
    const answer = await ask('PUT', '/v2/team/app/manifests/v1', { body: Readable.from(endless()) })
    assert.deepEqual([answer.status, answer.code], [413, 'SIZE_INVALID'])
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
    const { bytes } = await pushImage(ask, 'whole')
    const resized = bytes.toString().replace(/"size":(\d+)/, (_, size) => `"size":${Number(size) + 1}`)
    const { status, code } = await ask('PUT', path, as(OCI_MANIFEST, resized))
    assert.deepEqual([status, code], [400, 'MANIFEST_INVALID'])
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

  registryTest('referrers that are too long for one list come in several', async (ask) => {
    const subject = { mediaType: OCI_MANIFEST, digest: MISSING, size: 1 }
    const digests: string[] = []
    for (let number = 0; number < 3; number++) {
      const annotations = { number: `${number}`, long: 'x'.repeat(1_900_000) }
      digests.push((await pushImage(ask, undefined, { subject, annotations })).digest)
    }
    const found: string[] = []
    let path: string | undefined = `/v2/team/app/referrers/${MISSING}`
    let pages = 0
    for (; path !== undefined; pages++) {
      const { bytes, headers } = await ask('GET', path)
      assert.ok(bytes.length <= 4 * 1024 * 1024)
      for (const { digest } of JSON.parse(bytes.toString()).manifests) found.push(digest)
      path = /^<(.*)>; rel="next"$/.exec(`${headers.link ?? ''}`)?.[1]
    }
    assert.equal(pages, 2)
    assert.deepEqual(found, digests.sort())
  })

  registryTest('a manifest is put under its sha512 digest and several tags at once', async (ask) => {
    const { bytes } = await pushImage(ask, 'v1', { annotations: { a: 'b' } })
    const digest = await sha512Of(bytesContent(bytes).open())
    const headers = { 'content-type': OCI_MANIFEST }
    const path = `/v2/team/app/manifests/${digest}`
    const refused = await ask('PUT', `${path}?tag=good&tag=.bad`, { headers, body: bytes })
    assert.deepEqual([refused.status, refused.code], [400, 'TAG_INVALID'])
    const put = await ask('PUT', `${path}?tag=one&tag=two`, { headers, body: bytes })
    assert.deepEqual(
      [put.status, put.headers['docker-content-digest'], put.headers['oci-tag']],
      [201, digest, 'one, two'],
    )
    for (const reference of ['one', 'two', digest]) {
      const found = await ask('GET', `/v2/team/app/manifests/${reference}`)
      assert.deepEqual(found.bytes, bytes)
      assert.equal(found.headers['docker-content-digest'], digest)
    }
    const wrong = await ask('PUT', path, { headers, body: `${bytes} ` })
    assert.deepEqual([wrong.status, wrong.code], [400, 'DIGEST_INVALID'])
  })

  registryTest('the repositories, in pages', async (ask) => {
    assert.deepEqual(JSON.parse((await ask('GET', '/v2/_catalog')).bytes.toString()), { repositories: [] })
    await pushImage(ask, 'v1')
    const all = await ask('GET', '/v2/_catalog?n=1')
    assert.deepEqual(JSON.parse(all.bytes.toString()), { repositories: ['team/app'] })
    const none = await ask('GET', '/v2/_catalog?n=1&last=team/app')
    assert.deepEqual(JSON.parse(none.bytes.toString()), { repositories: [] })
  })
})
