import { BallastError, isBallastError, isSystemError, systemCode } from '../../core/index.ts'

const BROKEN = [
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'ECONNABORTED',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
]
const SLOW = ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']
const UNREACHABLE = ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EHOSTDOWN', 'ENETDOWN']
const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_)/
const NOT_TLS = ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']

/** A request that got no answer, or half of one, as an error for people: REMOTE, `retryable` where that may help. */
export function explainFailure(error: unknown, { host }: URL): unknown {
  // undici leaves some of these without a code.
  const code = systemCode(error) ?? (isParserError(error) ? 'HPE_INVALID' : undefined)
  if (isBallastError(error) || code === undefined) return error
  const remote = (message: string, hint: string, retryable: boolean): BallastError =>
    new BallastError('REMOTE', `registry ${host} ${message}`, { cause: error, hint, retryable })

  if (code === 'ECONNREFUSED') {
    return remote('does not answer (connection refused)', 'check that it is running, and its port', true)
  }
  if (code === 'ENOTFOUND') return remote('is not known (no such host)', 'check the name of the host', false)
  if (code === 'EAI_AGAIN') return remote('cannot be looked up (no answer from DNS)', CONNECTION, true)
  if (BROKEN.includes(code)) return remote(`broke the connection (${code})`, AGAIN, true)
  if (SLOW.includes(code)) return remote(`does not answer in time (${code})`, CONNECTION, true)
  if (UNREACHABLE.includes(code)) return remote(`cannot be reached (${code})`, CONNECTION, true)
  if (isSystemError(error, ...NOT_TLS)) {
    return remote('does not speak https', 'if it is meant to serve plain http, say so', false)
  }
  if (CERTIFICATE.test(code)) {
    return remote(`has a certificate that is not trusted (${code})`, 'see NODE_EXTRA_CA_CERTS', false)
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code.startsWith('HPE_')) {
    return remote(`sent a broken answer (${code})`, AGAIN, true)
  }
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new BallastError('DAMAGED', 'the content to upload has another length than it should have', {
      cause: error,
    })
  }
  return remote(`cannot be used (${code})`, CONNECTION, false)
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError'
}

/** For a connection on which nothing moves any more. */
export function stalled({ host }: URL): BallastError {
  return new BallastError('REMOTE', `registry ${host} stopped answering`, { hint: AGAIN, retryable: true })
}

const CONNECTION = 'check the network connection and the name of the host'
const AGAIN = 'check that it is still running, then run the command again: what arrived is not sent twice'
