import type { BucketAccess } from '../buckets/index.ts'
import type { Io } from './io.ts'

/**
 * What the tools of each service are told by their environment, where its own library does not read it, or where more than
 * the library depends on it. Credentials of AWS and Google stay where they are: their libraries find them.
 */
export function bucketAccess({ env }: Pick<Io, 'env'>): BucketAccess {
  return {
    s3: {
      endpoint: env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined,
      region: env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined,
    },
    gcs: { endpoint: env.STORAGE_EMULATOR_HOST || undefined },
    azure: {
      connectionString: env.AZURE_STORAGE_CONNECTION_STRING || undefined,
      account: env.AZURE_STORAGE_ACCOUNT || undefined,
      key: env.AZURE_STORAGE_KEY || undefined,
      sasToken: env.AZURE_STORAGE_SAS_TOKEN || undefined,
    },
  }
}
