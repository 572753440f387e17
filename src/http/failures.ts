import { BallastError, isBallastError, isSystemError, systemCode } from '../core/index.ts'

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

/** `peer` is who was asked. A request that got no answer, or half of one, as an error for people: REMOTE, `retryable` where that may help. */
export function explainFailure(error: unknown, peer: string): unknown {
  // undici leaves some of these without a code.
  const code = systemCode(error) ?? (isParserError(error) ? 'HPE_INVALID' : undefined)
  if (isBallastError(error) || code === undefined) return error
  const remote = (message: string, hint: string, retryable: boolean): BallastError =>
    new BallastError('REMOTE', `${peer} ${message}`, { cause: error, hint, retryable })

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

/** Where it is the proxy that refuses; undefined for every other failure. undici tells it by its message alone. */
export function proxyRefused(error: unknown, proxy: URL): BallastError | undefined {
  const [, status] =
    /\((\d+)\) !== 200 when HTTP Tunneling/.exec(error instanceof Error ? error.message : '') ?? []
  return status === undefined ? undefined : proxyRefusal(Number(status), proxy)
}

/** The proxy's own answer of that status. */
export function proxyRefusal(status: number, { host }: URL): BallastError {
  if (status === 407) {
    return new BallastError('UNAUTHORIZED', `the proxy ${host} asks for a login`, {
      hint: 'put it into the address of the proxy: http://USER:PASSWORD@HOST:PORT',
    })
  }
  return new BallastError('REMOTE', `the proxy ${host} does not lead there (HTTP ${status})`, {
    hint: 'check HTTP_PROXY, HTTPS_PROXY and NO_PROXY',
    retryable: status >= 500,
  })
}

/** For a connection on which nothing moves any more. */
export function stalled(peer: string): BallastError {
  return new BallastError('REMOTE', `${peer} stopped answering`, { hint: AGAIN, retryable: true })
}

const CONNECTION = 'check the network connection and the name of the host'
const AGAIN = 'check that it is still running, then run the command again: what arrived is not sent twice'
