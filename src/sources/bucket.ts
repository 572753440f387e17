import {
  type Bucket,
  type BucketAccess,
  type BucketAddress,
  type BucketObject,
  openBucket,
  parseBucketAddress,
} from '../buckets/index.ts'
import { BallastError, type CallOptions, forEachLimited } from '../core/index.ts'
import { checkFilePath } from '../model/index.ts'
import type { Listing, RemoteFile, Source } from './source.ts'

export interface BucketSourceOptions {
  /** `s3://BUCKET/PATH`, or `gs://` or `az://`. */
  readonly address: string
  readonly access?: BucketAccess | undefined
}

/** In bytes. What is read in parts is held against checksums that a look at the object tells, where the listing does not. */
const LARGE = 8 * 1024 * 1024
const LOOKS_AT_ONCE = 16

/**
 * The objects below a path of a bucket, under what their keys have behind it; an object of that very key, under the last part of it.
 * Keys that end with `/` and hold nothing stand for directories in consoles, and are no files. Throws USAGE and REFUSED.
 */
export async function openBucketSource({ address, access = {} }: BucketSourceOptions): Promise<Source> {
  const place = parseBucketAddress(address)
  if (place === undefined)
    throw new BallastError('USAGE', `${JSON.stringify(address)} is no address of a bucket`)
  const bucket = await openBucket(place, access)
  return { address, list: (options) => list(bucket, place, options) }
}

async function list(bucket: Bucket, { path }: BucketAddress, options: CallOptions = {}): Promise<Listing> {
  const { prefix, objects } = await find(bucket, path, options)
  // Before any of them is asked for: a URL has no place for some names, `..` among them.
  for (const { key } of objects) checkFilePath(key.slice(prefix.length))
  const files = new Map<string, RemoteFile>()
  const add = async (object: BucketObject, signal: AbortSignal): Promise<void> => {
    files.set(object.key, fileOf(bucket, prefix, await withChecksums(bucket, object, { signal })))
  }
  await forEachLimited(objects, LOOKS_AT_ONCE, add, options.signal)
  return {
    revision: undefined,
    files: objects.flatMap(({ key }) => files.get(key) ?? []),
    skipped: [],
  }
}

interface Found {
  /** Of the keys, which is no part of the paths. */
  readonly prefix: string
  readonly objects: readonly BucketObject[]
}

async function find(bucket: Bucket, path: string, options: CallOptions): Promise<Found> {
  const single = path === '' || path.endsWith('/') ? undefined : await bucket.head(path, options)
  if (single !== undefined) return { prefix: path.slice(0, path.lastIndexOf('/') + 1), objects: [single] }
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const objects: BucketObject[] = []
  for await (const object of bucket.list(prefix, options)) {
    if (!object.key.endsWith('/') || object.size > 0) objects.push(object)
  }
  if (objects.length > 0) return { prefix, objects }
  throw new BallastError('NOT_FOUND', `there is nothing at ${bucket.address}/${path}`, {
    hint: 'check the path: keys are compared letter by letter',
  })
}

/** As it is now, where the listing is a moment older: then that is what is taken. */
async function withChecksums(
  bucket: Bucket,
  object: BucketObject,
  options: CallOptions,
): Promise<BucketObject> {
  if (object.checksums !== undefined || object.size < LARGE) return object
  return (await bucket.head(object.key, options)) ?? object
}

function fileOf(bucket: Bucket, prefix: string, object: BucketObject): RemoteFile {
  const { key, size, version, checksums = [] } = object
  return {
    path: checkFilePath(key.slice(prefix.length)),
    size,
    identity: `${bucket.address}/${key} ${version}`,
    checksums,
    content: bucket.open(object),
  }
}
