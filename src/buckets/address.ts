import { BallastError } from '../core/index.ts'

export const SCHEMES = ['s3', 'gs', 'az'] as const

/** A place in a bucket, as `s3://bucket/path`. */
export interface BucketAddress {
  readonly scheme: (typeof SCHEMES)[number]
  /** The bucket; of Azure, the container. */
  readonly bucket: string
  /** Below it, without a `/` at the beginning; empty for all of it. */
  readonly path: string
}

/** Undefined for an address of another scheme. Throws USAGE for one without a bucket, or with more than that in its place. */
export function parseBucketAddress(text: string): BucketAddress | undefined {
  const [, scheme, bucket = '', path = ''] = /^(s3|gs|az):\/\/([^/]*)\/?(.*)$/s.exec(text) ?? []
  if (scheme === undefined) return undefined
  if (!/^[a-z0-9][a-z0-9._-]+$/i.test(bucket)) {
    throw new BallastError('USAGE', `${JSON.stringify(text)} names no bucket`, {
      hint: `write ${scheme}://BUCKET/PATH; keys and passwords do not belong into an address`,
    })
  }
  return { scheme: scheme as BucketAddress['scheme'], bucket, path }
}
