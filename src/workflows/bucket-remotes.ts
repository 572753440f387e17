import { type Bucket, type BucketAccess, openBucket, parseBucketAddress } from '../buckets/index.ts'
import { BallastError, type CallOptions } from '../core/index.ts'
import { hasVersion, LATEST, parseReference, type Reference, type RepositoryName } from '../model/index.ts'
import { type BucketRepository, openBucketRepository } from '../remotes/index.ts'
import type { ImageAccess } from './image-places.ts'
import type { Remote } from './remotes.ts'

/** A model in a bucket, and which version of it is meant. */
export interface BucketRemote extends Remote {
  readonly repository: BucketRepository
  readonly model: RepositoryName
}

export function isBucketRemote(remote: Remote): remote is BucketRemote {
  return 'records' in remote.repository
}

/** The place below which models are. */
export interface BucketRoot {
  readonly bucket: Bucket
  /** Within the bucket. */
  readonly root: string
  /** `s3://bucket/path`. */
  readonly address: string
}

/** `s3://BUCKET/PATH/NAME[:TAG|@DIGEST]`, where the last part is the model's name. Throws USAGE. Whoever writes closes the repository. */
export async function openBucketRemote(text: string, access: ImageAccess): Promise<BucketRemote> {
  const { bucket, path, scheme } = addressOf(text)
  const cut = path.lastIndexOf('/')
  const [root, last] = [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)]
  if (last === '') {
    throw new BallastError('USAGE', `${text} names no model`, {
      hint: `write the name of one at its end: ${text.replace(/\/*$/, '')}/NAME`,
    })
  }
  refuseLeaving(text, root)
  const reference = parseReference(last)
  const { name } = reference
  const at = (other: string): string =>
    `${scheme}://${[bucket, ...root.split('/'), name].filter(Boolean).join('/')}${other.startsWith('sha256:') ? '@' : ':'}${other}`
  return {
    repository: openBucketRepository(await openBucket({ scheme, bucket }, bucketAccessOf(access)), {
      root,
      name,
      lock: access.lock,
    }),
    reference: tagOrDigest(reference),
    isStated: hasVersion(last),
    modelName: name,
    model: name,
    at,
  }
}

/** `s3://BUCKET/PATH`: what is below it. Throws USAGE. */
export async function openBucketRoot(text: string, access: ImageAccess): Promise<BucketRoot> {
  const { bucket, path, scheme } = addressOf(text)
  const root = path.replace(/\/+$/, '')
  refuseLeaving(text, root)
  return {
    bucket: await openBucket({ scheme, bucket }, bucketAccessOf(access)),
    root,
    address: text.replace(/\/+$/, ''),
  }
}

function bucketAccessOf({ buckets, network }: ImageAccess): BucketAccess {
  return { ...buckets, network }
}

/** For a change of records: the writer is at work for no longer than that. */
export async function changing<T>(
  remote: BucketRemote,
  options: CallOptions,
  change: (writer: Awaited<ReturnType<BucketRepository['writer']>>) => Promise<T>,
): Promise<T> {
  const { repository } = remote
  try {
    return await change(await repository.writer(options))
  } finally {
    await repository.close()
  }
}

function addressOf(text: string): NonNullable<ReturnType<typeof parseBucketAddress>> {
  const address = parseBucketAddress(text)
  if (address !== undefined) return address
  throw new BallastError('USAGE', `${JSON.stringify(text)} is no address of a bucket`, {
    hint: 'write s3://BUCKET/PATH, gs://… or az://…',
  })
}

function tagOrDigest({ tag, digest }: Reference): string {
  return digest ?? tag ?? LATEST
}

function refuseLeaving(text: string, root: string): void {
  if (root === '' || root.split('/').every((part) => part !== '' && part !== '.' && part !== '..')) return
  throw new BallastError('USAGE', `${text} has parts that are empty, . or ..`, {
    hint: 'write the path as it is',
  })
}
