import assert from 'node:assert/strict'
import {
  BLOB,
  chunk,
  DATA,
  DIGEST,
  locationOf,
  MISSING,
  pushImage,
  registryTests,
  UPLOADS,
} from '../../../test/doubles/distribution-api.ts'
import { bytesContent, sha512Of } from '../../core/index.ts'

registryTests('blobs and uploads', (registryTest) => {
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
      assert.deepEqual([refused.status, refused.code, refused.headers.range], [416, 'RANGE_INVALID', '0-999'])
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
      [head.status, head.headers['content-length'], head.headers['docker-content-digest'], head.headers.etag],
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

  registryTest('a blob is deleted at once, unless a manifest refers to it', async (ask) => {
    await ask('POST', `${UPLOADS}?digest=${DIGEST}`, { body: DATA })
    assert.equal((await ask('DELETE', BLOB)).status, 202)
    assert.equal((await ask('HEAD', BLOB)).status, 404)
    assert.equal((await ask('DELETE', BLOB)).status, 404)

    const { digest } = await pushImage(ask, 'v1')
    const refused = await ask('DELETE', BLOB.replace('team/app', 'other'))
    assert.deepEqual([refused.status, refused.code], [409, 'DENIED'])
    assert.equal((await ask('GET', BLOB)).status, 200)
    assert.equal((await ask('DELETE', `/v2/team/app/manifests/${digest}`)).status, 202)
    assert.equal((await ask('DELETE', BLOB)).status, 202)
    assert.equal((await ask('HEAD', BLOB)).status, 404)
  })

  registryTest('a blob goes by its sha512 digest on every way', async (ask) => {
    const digest = await sha512Of(bytesContent(DATA).open())
    const path = `/v2/team/app/blobs/${digest}`
    const wrong = await ask('POST', `${UPLOADS}?digest=${digest}`, { body: 'other' })
    assert.deepEqual([wrong.status, wrong.code], [400, 'DIGEST_INVALID'])
    assert.equal((await ask('GET', path)).code, 'BLOB_UNKNOWN')
    const location = locationOf(await ask('POST', `${UPLOADS}?digest-algorithm=sha512`))
    assert.equal((await ask('PATCH', location, chunk(DATA.subarray(0, 1000), 0))).status, 202)
    const put = await ask('PUT', `${location}?digest=${digest}`, chunk(DATA.subarray(1000), 1000))
    assert.deepEqual([put.status, put.headers['docker-content-digest']], [201, digest])
    for (const found of [path, BLOB]) assert.deepEqual((await ask('GET', found)).bytes, DATA)
    assert.equal((await ask('HEAD', path)).headers['docker-content-digest'], digest)
    assert.equal((await ask('POST', `/v2/other/blobs/uploads/?mount=${digest}`)).status, 201)
  })
})
