import type { Network } from '../http/index.ts'
import type { BucketAddress } from './address.ts'
import type { AzureAccess } from './azure.ts'
import type { Bucket } from './bucket.ts'
import type { GcsAccess } from './gcs.ts'
import type { S3Access } from './s3.ts'

/**
 * What the command line has read from its environment. Credentials of AWS and of Google are not among it: their own
 * libraries look for them, in the order that their users know.
 */
export interface BucketAccess {
  readonly s3?: S3Access | undefined
  readonly gcs?: GcsAccess | undefined
  readonly azure?: AzureAccess | undefined
  /** What Google's library asks and sends goes its own way; what limits the bandwidth counts there too. */
  readonly network?: Network | undefined
}

/** Asks nothing of the other side yet. Throws REFUSED where the library for it is not installed, USAGE where its place is not known. */
export async function openBucket(
  { scheme, bucket }: Pick<BucketAddress, 'scheme' | 'bucket'>,
  access: BucketAccess,
): Promise<Bucket> {
  if (scheme === 's3') return (await import('./s3.ts')).openS3(bucket, access.s3, access.network)
  if (scheme === 'gs') return (await import('./gcs.ts')).openGcs(bucket, access.gcs, access.network)
  return (await import('./azure.ts')).openAzure(bucket, access.azure, access.network)
}
