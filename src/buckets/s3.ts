import { setTimeout as sleep } from 'node:timers/promises'
import type { GetObjectCommandOutput, HeadObjectCommandOutput, S3ClientConfig } from '@aws-sdk/client-s3'
import {
  type CallOptions,
  type Checksum,
  type ChecksumAlgorithm,
  type Content,
  isBallastError,
  readAll,
} from '../core/index.ts'
import type { Network } from '../http/index.ts'
import { abortable } from './abortable.ts'
import type { Bucket, BucketObject } from './bucket.ts'
import { explained } from './failures.ts'
import { heldAgainst } from './held-against.ts'
import { md5Bytes } from './md5.ts'
import { sendInParts } from './parts.ts'
import { changedObject, readBody } from './reading.ts'
import type { S3Connection } from './s3-connection.ts'
import { explainS3, s3Dialect, statusOf, undefinedIfAbsent } from './s3-failures.ts'
import { s3Parts } from './s3-parts.ts'
import { s3Requests } from './s3-requests.ts'
import { removeUnfinished } from './s3-unfinished.ts'
import { loadSdk } from './sdk.ts'

export interface S3Access {
  /** Of a server that is not AWS. It gets the bucket's name in the path: not every server has a host name for each. */
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
}

/** S3, and servers that speak it. Credentials, profiles and roles are found by the SDK, as its users know it. */
export async function openS3(
  name: string,
  { endpoint, region }: S3Access = {},
  network?: Network,
): Promise<Bucket> {
  const sdk = await loadSdk('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'))
  const config: S3ClientConfig = {
    // Checksums of the newer kind are unknown to many servers that are not AWS, and stored as content by some.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: true,
    requestHandler: s3Requests(network),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(region !== undefined && { region }),
  }
  const client = new sdk.S3Client(config)
  // Without a region, AWS is asked where the bucket is, and other servers do not care.
  const hasRegion = await client.config.region().then(
    () => true,
    () => false,
  )
  return s3Bucket({
    sdk,
    client: hasRegion ? client : new sdk.S3Client({ ...config, region: 'us-east-1' }),
    name,
  })
}

/** A conditional write that met another one is to be made again (S3, PutObject, `ConditionalRequestConflict`). */
const CONFLICT_WAITS_MS = [50, 200, 800]

function s3Bucket({ sdk, client, name }: S3Connection): Bucket {
  const dialect = s3Dialect(name)
  const { address } = dialect
  const call = <T>({ signal }: CallOptions, work: () => Promise<T>): Promise<T> =>
    explained(dialect, signal, work)
  const at = (key: string) => ({ Bucket: name, Key: key })

  async function head(key: string, options: CallOptions = {}): Promise<BucketObject | undefined> {
    const { signal } = options
    return call(options, async () => {
      const command = new sdk.HeadObjectCommand({ ...at(key), ChecksumMode: 'ENABLED' })
      const found = await client
        .send(command, abortable(signal))
        .catch(undefinedIfAbsent)
        .catch((error: unknown) => reasonOf(error, signal))
      // Without a body, a bucket that is not there looks like an object that is not.
      if (found === undefined)
        await client.send(new sdk.HeadBucketCommand({ Bucket: name }), abortable(signal))
      return found && objectOf(key, found)
    })
  }

  /** Throws why the bucket is not shown: an answer to HEAD has no body to say so, and expired credentials look like a bad request. */
  async function reasonOf(error: unknown, signal: AbortSignal | undefined): Promise<never> {
    if (statusOf(error) === 400 || statusOf(error) === 403) {
      await client.send(new sdk.ListObjectsV2Command({ Bucket: name, MaxKeys: 1 }), abortable(signal))
    }
    throw error
  }

  function open(object: BucketObject): Content {
    const whole = { offset: 0, length: object.size }
    return {
      size: object.size,
      ownChunks: true,
      open: (range = whole, signal) =>
        readBody(
          { object, range, address, signal, explain: explainS3(dialect, object) },
          async (abortSignal) => {
            const isWhole = range.length === object.size
            const command = new sdk.GetObjectCommand({
              ...at(object.key),
              IfMatch: object.version,
              ...(isWhole
                ? { ChecksumMode: 'ENABLED' }
                : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
            })
            const answer = await client.send(command, abortable(abortSignal))
            const body = bodyOf(answer, object)
            return isWhole ? heldAgainst(body, checksumsOf(answer), `${address}/${object.key}`) : body
          },
        ),
    }
  }

  function bodyOf(answer: GetObjectCommandOutput, object: BucketObject): AsyncIterable<Uint8Array> {
    const body = answer.Body as (AsyncIterable<Uint8Array> & { destroy?(): void }) | undefined
    // Some servers do not know If-Match.
    if (answer.ETag !== object.version || body === undefined) {
      body?.destroy?.()
      throw changedObject(address, object)
    }
    return body
  }

  async function putOnce(
    key: string,
    bytes: Uint8Array,
    { onlyNew, signal }: { onlyNew: boolean } & CallOptions,
  ): Promise<boolean> {
    const command = new sdk.PutObjectCommand({
      ...at(key),
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: md5Bytes(bytes).toString('base64'),
      ...(onlyNew && { IfNoneMatch: '*' }),
    })
    try {
      await client.send(command, abortable(signal))
      return true
    } catch (error) {
      if (onlyNew && statusOf(error) === 412) return false
      throw error
    }
  }

  return {
    address,
    head,
    open,
    async *list(prefix, options = {}) {
      let token: string | undefined
      do {
        const page = await call(options, () =>
          client.send(
            new sdk.ListObjectsV2Command({
              Bucket: name,
              Prefix: prefix,
              ContinuationToken: token,
              MaxKeys: options.pageSize,
            }),
            abortable(options.signal),
          ),
        )
        for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
          const object = {
            key: Key ?? '',
            size: Size ?? 0,
            version: ETag ?? '',
            modified: LastModified ?? new Date(0),
          }
          yield { ...object, checksums: undefined }
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined
      } while (token !== undefined)
    },
    get: (key, options) =>
      call(options, async () => {
        const command = new sdk.GetObjectCommand(at(key))
        const found = await client.send(command, abortable(options.signal)).catch(undefinedIfAbsent)
        return found && readAll(found.Body as AsyncIterable<Uint8Array>, options.limit)
      }),
    async put(key, bytes, { onlyNew = false, ...options } = {}) {
      for (let tries = 0; ; tries++) {
        try {
          return await call(options, () => putOnce(key, bytes, { ...options, onlyNew }))
        } catch (error) {
          const wait = CONFLICT_WAITS_MS[tries]
          if (wait === undefined || !isBallastError(error) || statusOf(error.cause) !== 409) throw error
          await sleep(wait)
        }
      }
    },
    upload: (key, content, options) =>
      sendInParts(content, s3Parts({ sdk, client, name }, { key, size: content.size, dialect }), options),
    async remove(key, options = {}) {
      await call(options, () =>
        client.send(new sdk.DeleteObjectCommand(at(key)), abortable(options.signal)).catch(undefinedIfAbsent),
      )
    },
    removeUnfinished: (prefix, before, options = {}) =>
      call(options, () => removeUnfinished({ sdk, client, name }, { prefix, before }, options)),
  }
}

function objectOf(key: string, found: HeadObjectCommandOutput): BucketObject {
  return {
    key,
    size: found.ContentLength ?? 0,
    version: found.ETag ?? '',
    modified: found.LastModified ?? new Date(0),
    checksums: checksumsOf(found),
  }
}

/** An ETag is the MD5 of what one request has written, unless it was encrypted with a key of its own. Those of parts have a `-`. */
function checksumsOf(found: HeadObjectCommandOutput | GetObjectCommandOutput): readonly Checksum[] {
  const [, md5] = /^"?([0-9a-f]{32})"?$/.exec(found.ETag ?? '') ?? []
  const isEncrypted = /kms/.test(found.ServerSideEncryption ?? '') || found.SSECustomerAlgorithm !== undefined
  const told: readonly (readonly [ChecksumAlgorithm, string | undefined])[] = [
    ['sha256', found.ChecksumSHA256],
    ['sha1', found.ChecksumSHA1],
    ['crc32c', found.ChecksumCRC32C],
    ['crc64nvme', found.ChecksumCRC64NVME],
  ]
  return [
    ...told.flatMap(([algorithm, value]) =>
      value === undefined || value.includes('-') || found.ChecksumType === 'COMPOSITE'
        ? []
        : [{ algorithm, value: Buffer.from(value, 'base64').toString('hex') }],
    ),
    ...(md5 === undefined || isEncrypted ? [] : [{ algorithm: 'md5' as const, value: md5 }]),
  ]
}
