import type { S3Client } from '@aws-sdk/client-s3'

export interface S3Connection {
  readonly sdk: typeof import('@aws-sdk/client-s3')
  readonly client: S3Client
  /** Of the bucket. */
  readonly name: string
}
