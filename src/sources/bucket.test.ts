import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PutObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { startAzurite } from '../../test/fixtures/buckets/azurite.ts'
import { startFakeGcs } from '../../test/fixtures/buckets/fake-gcs.ts'
import { startMoto } from '../../test/fixtures/buckets/moto.ts'
import { BUCKET, type BucketServer, isMissing, type Missing } from '../../test/fixtures/buckets/server.ts'
import { testSource } from '../../test/suites/source.ts'
import { type Bucket, openBucket } from '../buckets/index.ts'
import { isBallastError } from '../core/index.ts'
import { openBucketSource } from './bucket.ts'
import type { Source } from './source.ts'

let prefixes = 0

function testServer(kind: string, server: BucketServer | Missing): void {
  const skip = isMissing(server) && server.missing
  if (isMissing(server)) {
    test(kind, { skip: server.missing }, () => undefined)
    return
  }
  const { scheme, access } = server
  after(() => server.close())
  const bucket = (): Promise<Bucket> => openBucket({ scheme, bucket: BUCKET }, access)
  const sourceAt = (path: string): Promise<Source> =>
    openBucketSource({ address: `${scheme}://${BUCKET}/${path}`, access })
  const newPrefix = (): string => `source-${++prefixes}/`

  testSource({
    kind,
    skip,
    mostFiles: Number.POSITIVE_INFINITY,
    async open(_, contents) {
      const prefix = newPrefix()
      const put = async (path: string, data: Buffer): Promise<void> => {
        await (await bucket()).put(`${prefix}${path}`, data)
      }
      for (const [path, data] of Object.entries(contents)) await put(path, data)
      return { source: await sourceAt(prefix), replace: put }
    },
    openMissing: () => sourceAt('nothing/here/'),
  })

  test(`${kind}: what stands for a directory is no file, and a path needs no / at its end`, async () => {
    const prefix = newPrefix()
    for (const key of ['', 'onnx/', 'onnx/model.onnx', 'config.json'])
      await (await bucket()).put(prefix + key, Buffer.from(key.endsWith('/') || key === '' ? '' : key))
    const { files } = await (await sourceAt(prefix.slice(0, -1))).list()
    assert.deepEqual(
      files.map(({ path }) => path),
      ['config.json', 'onnx/model.onnx'],
    )
    const single = await (await sourceAt(`${prefix}onnx/model.onnx`)).list()
    assert.deepEqual(
      single.files.map(({ path }) => path),
      ['model.onnx'],
    )
  })

  test(`${kind}: a key that is no name for a file of a model is refused by name`, async () => {
    const prefix = newPrefix()
    // Azure's own library makes another key of `..` before it is sent.
    const unsafe = scheme === 'az' ? '.ballast/evil' : 'a/../../evil'
    const put = async (key: string): Promise<unknown> =>
      scheme === 's3' ? putRaw(server, { Key: key, Body: key }) : (await bucket()).put(key, Buffer.from(key))
    for (const key of ['good.bin', unsafe]) await put(prefix + key)
    const source = await sourceAt(prefix)
    await assert.rejects(
      source.list(),
      (error) => isBallastError(error, 'REFUSED') && error.message.includes(unsafe),
    )
  })

  test(`${kind}: checksums of what is read in parts are told`, async () => {
    const prefix = newPrefix()
    const data = Buffer.alloc(9 * 1024 * 1024, 'weights')
    await (await bucket()).put(`${prefix}w.bin`, data)
    const [file] = (await (await sourceAt(prefix)).list()).files
    assert.ok(file?.checksums.some(({ algorithm }) => algorithm === 'md5'))
  })
}

/** By the SDK alone: Ballast does not write such keys. */
async function putRaw(
  { access }: BucketServer,
  object: { readonly Key: string; readonly Body: string },
): Promise<void> {
  const client = new S3Client({ ...access.s3, forcePathStyle: true } as S3ClientConfig)
  await client.send(new PutObjectCommand({ Bucket: BUCKET, ...object }))
  client.destroy()
}

testServer('S3', await startMoto())
testServer('Google Cloud Storage', await startFakeGcs())
testServer('Azure Blob Storage', await startAzurite())
