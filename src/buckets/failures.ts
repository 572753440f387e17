import { BallastError, isBallastError, systemCode, throwIfAborted } from '../core/index.ts'

/** How a server's refusal is told to people, whatever library has asked. */
export interface Failure {
  /** Of HTTP; undefined where there was no answer. */
  readonly status: number | undefined
  /** The server's own word for it: `NoSuchBucket`. */
  readonly code: string
  readonly message: string
}

/** What a service calls things, and where its users' credentials are looked for. */
export interface Dialect {
  /** `s3://models`. */
  readonly address: string
  /** Codes that say that the bucket is not there. */
  readonly noBucket: readonly string[]
  /** Codes, beside 401 and 403, that say that the credentials are wrong or were never found. */
  readonly noCredentials: RegExp
  /** Codes that say that they were right once. */
  readonly expired: RegExp
  readonly credentialsHint: string
  /** Undefined for an error that is none of the library's own. */
  readonly failureOf: (error: unknown) => Failure | undefined
}

/** Makes the call; what it throws is explained. An aborted call throws INTERRUPTED. */
export async function explained<T>(
  dialect: Dialect,
  signal: AbortSignal | undefined,
  call: () => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  try {
    return await call()
  } catch (error) {
    throwIfAborted(signal)
    throw explain(dialect, error)
  }
}

/** The error as the port promises it; one that is no failure of a call, and so a bug, as it is. */
export function explain(dialect: Dialect, error: unknown): unknown {
  if (isBallastError(error)) return error
  // What has sent the library's request has told it already.
  if (error instanceof Error && isBallastError(error.cause)) return error.cause
  const failure = dialect.failureOf(error)
  return failure === undefined ? error : explainFailure(dialect, failure, error)
}

const FULL = /^(?:InsufficientStorage|XMinioStorageFull|QuotaExceeded)/i
const BUSY = [408, 409, 429, 500, 502, 503, 504]

function explainFailure(
  { address, noBucket, noCredentials, expired, credentialsHint }: Dialect,
  { status, code, message }: Failure,
  cause: unknown,
): BallastError {
  if (noBucket.includes(code)) {
    return new BallastError('NOT_FOUND', `there is no bucket ${address}`, {
      cause,
      hint: 'check its name, and that the account and the endpoint are the right ones',
    })
  }
  if (expired.test(code) || expired.test(message)) {
    return new BallastError('UNAUTHORIZED', `the credentials for ${address} have expired`, {
      cause,
      hint: `get new ones, then run the command again; ${credentialsHint}`,
    })
  }
  if (status === 507 || FULL.test(code)) {
    return new BallastError('DISK', `${address} has no space left (${code})`, {
      cause,
      hint: `free some: ballast gc ${address}/…, or have its limit raised`,
    })
  }
  if (status === 401 || status === 403 || noCredentials.test(code) || noCredentials.test(message)) {
    const why =
      status === undefined ? `no credentials for ${address}: ${message}` : `${address} refuses: ${code}`
    return new BallastError('UNAUTHORIZED', why, { cause, hint: credentialsHint })
  }
  if (status === 501) {
    return new BallastError('REFUSED', `${address} cannot do what was asked of it (${code})`, { cause })
  }
  if (status !== undefined) {
    return new BallastError('REMOTE', `${address} answers with an error: ${code} (HTTP ${status})`, {
      cause,
      retryable: BUSY.includes(status),
    })
  }
  return new BallastError('REMOTE', `${address} cannot be reached: ${systemCode(cause) ?? message}`, {
    cause,
    hint: 'check the endpoint, and that it is running',
    retryable: true,
  })
}
