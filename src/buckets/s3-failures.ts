import type { BucketObject } from './bucket.ts'
import { type Dialect, explain } from './failures.ts'
import { changedObject } from './reading.ts'

export function s3Dialect(name: string): Dialect {
  return {
    address: `s3://${name}`,
    noBucket: ['NoSuchBucket'],
    noCredentials:
      /^(?:CredentialsProviderError|InvalidAccessKeyId|InvalidClientTokenId|XAdminUserNotFound|SignatureDoesNotMatch|InvalidToken|TokenProviderError)$|Could not load credentials/,
    expired: /ExpiredToken|TokenRefreshRequired|token (?:is|has) expired|session.* expired/i,
    credentialsHint:
      'credentials are looked for as the aws command does: AWS_ACCESS_KEY_ID, AWS_PROFILE and ~/.aws, web identity, the role of the container or machine',
    failureOf(error) {
      if (!(error instanceof Error)) return undefined
      const status = statusOf(error)
      // A bucket is asked for without a body when it is not there.
      const code = status === 404 && error.name === 'NotFound' ? 'NoSuchBucket' : error.name
      if (status !== undefined || '$metadata' in error || isOfNetwork(error))
        return { status, code, message: error.message }
      return /Credentials|TokenProvider/.test(code) ? { status, code, message: error.message } : undefined
    },
  }
}

/** Of a read: that the object is another one now is told by the status. */
export function explainS3(dialect: Dialect, object: BucketObject): (error: unknown) => unknown {
  return (error) => {
    const status = statusOf(error)
    const isGone = status === 404 && (error as Error).name !== 'NoSuchBucket'
    if (isGone || status === 412 || status === 416) return changedObject(dialect.address, object)
    return explain(dialect, error)
  }
}

export function statusOf(error: unknown): number | undefined {
  const { $metadata } = (error ?? {}) as { readonly $metadata?: { readonly httpStatusCode?: number } }
  return $metadata?.httpStatusCode
}

export function undefinedIfAbsent(error: unknown): undefined {
  const code = error instanceof Error ? error.name : ''
  if (statusOf(error) === 404 && code !== 'NoSuchBucket') return undefined
  throw error
}

function isOfNetwork(error: Error): boolean {
  return 'code' in error || error.name === 'TimeoutError'
}
