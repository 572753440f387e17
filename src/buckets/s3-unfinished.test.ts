import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { listenOnLoopback } from '../../test/fixtures/on-loopback.ts'
import { openBucket } from './open.ts'

const OLD = '2020-01-01T00:00:00.000Z'

/** As S3 lists uploads, two at a time. */
function pageOf(uploads: readonly string[], after: string): string {
  const rest = uploads.filter((id) => id > after)
  const page = rest.slice(0, 2)
  const listed = page.map((id) => {
    return `<Upload><Key>blobs/${id}</Key><UploadId>${id}</UploadId><Initiated>${OLD}</Initiated></Upload>`
  })
  const last = page.at(-1) ?? ''
  const next = `<NextKeyMarker>blobs/${last}</NextKeyMarker><NextUploadIdMarker>${last}</NextUploadIdMarker>`
  const isTruncated = rest.length > page.length
  return (
    '<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<IsTruncated>${isTruncated}</IsTruncated>${isTruncated ? next : ''}${listed.join('')}</ListMultipartUploadsResult>`
  )
}

test('uploads that were never completed are given up, on whatever page of the list they are', async (t) => {
  const uploads = ['a', 'b', 'c', 'd', 'e']
  const given: string[] = []
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const id = searchParams.get('uploadId')
    if (request.method === 'DELETE' && id !== null) {
      given.push(id)
      return void response.writeHead(204).end()
    }
    assert.equal(searchParams.get('key-marker') ?? '', withPrefix(searchParams.get('upload-id-marker')))
    const after = searchParams.get('upload-id-marker') ?? ''
    response.writeHead(200, { 'content-type': 'application/xml' }).end(pageOf(uploads, after))
  })
  const endpoint = `http://127.0.0.1:${await listenOnLoopback(t, server)}`
  process.env.AWS_ACCESS_KEY_ID ??= 'test'
  process.env.AWS_SECRET_ACCESS_KEY ??= 'test'
  const bucket = await openBucket(
    { scheme: 's3', bucket: 'models' },
    { s3: { endpoint, region: 'us-east-1' } },
  )
  assert.equal(await bucket.removeUnfinished('blobs/', new Date()), 5)
  assert.deepEqual(given, uploads)
  assert.equal(await bucket.removeUnfinished('blobs/', new Date(OLD)), 0)
})

function withPrefix(id: string | null): string {
  return id === null ? '' : `blobs/${id}`
}
