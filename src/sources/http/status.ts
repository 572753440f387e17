import { BallastError, redact } from '../../core/index.ts'
import { type IncomingResponse, isRetryable, parseRetryAfter, type Refusal } from '../../http/index.ts'

/** What an answer of an unexpected status means. `what` is what was asked for, and `credentials` which were shown. */
export function refusedBy(
  { status, peer, header }: Pick<IncomingResponse, 'status' | 'peer' | 'header'>,
  { what, credentials }: { readonly what: string; readonly credentials: string },
): BallastError {
  const cause: Refusal = { status, retryAfterMs: parseRetryAfter(header('retry-after')) }
  const explain = (code: 'UNAUTHORIZED' | 'NOT_FOUND' | 'REMOTE', says: string, hint: string): BallastError =>
    new BallastError(code, redact(`${peer} ${says}`), { cause, hint, retryable: isRetryable(status) })
  if (status === 401 || status === 403) {
    return explain('UNAUTHORIZED', `denies ${what} (HTTP ${status})`, `it was asked ${credentials}`)
  }
  if (status === 404 || status === 410) {
    return explain('NOT_FOUND', `has no ${what} (HTTP ${status})`, 'check the address')
  }
  const hint =
    status === 429 ? 'too many requests: wait, then run the command again' : 'run the command again later'
  return explain('REMOTE', `answers ${what} with HTTP ${status}`, hint)
}
