import { BallastError, redact } from '../../core/index.ts'
import {
  type IncomingResponse,
  isRetryable,
  parseRetryAfter,
  type Refusal,
  readBeginning,
} from '../../http/index.ts'
import { decodeErrors, LARGEST_ERROR } from '../protocol/index.ts'

/** How much of what a registry says is shown, in characters. */
const LONGEST_WORDS = 1000

/** An answer with an unexpected status as an error; reads the answer's body. `what` is what was asked for. */
export async function refusalOf(response: IncomingResponse, what: string): Promise<BallastError> {
  const errors = decodeErrors(await readBeginning(response, LARGEST_ERROR))
  const { status, peer } = response
  const retryAfterMs = parseRetryAfter(response.header('retry-after'))
  const said = errors
    .map(({ code, message }) => (message === '' ? code : `${message} (${code})`))
    .join('; ')
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_WORDS)
  const denied = status === 401 || status === 403
  const message = `${peer} ${denied ? 'denies' : 'refuses'} ${what}: ${said || `HTTP ${status}`}`
  return new BallastError(denied ? 'UNAUTHORIZED' : 'REMOTE', redact(message), {
    cause: { status, retryAfterMs } satisfies Refusal,
    hint: hintFor(status),
    retryable: isRetryable(status) || errors.some(({ code }) => code === 'BLOB_UPLOAD_UNKNOWN'),
  })
}

function hintFor(status: number): string | undefined {
  if (status === 401 || status === 403)
    return 'log in as a user who may do this, or check the repository name'
  if (status === 413) return 'the registry, or a proxy before it, limits the size of an upload'
  if (status === 429) return 'too many requests: wait, then run the command again'
  if (status === 507) return 'the registry has no space left'
  return status >= 500 ? "the cause is in the registry's own log" : undefined
}
