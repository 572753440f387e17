import { BallastError, redact } from '../../core/index.ts'
import {
  type IncomingResponse,
  isRetryable,
  parseRetryAfter,
  type Refusal,
  readBeginning,
  refusalIn,
} from '../../http/index.ts'
import { decodeErrors, LARGEST_ERROR, parseRoute, remedyFor } from '../protocol/index.ts'

/** How much of what a registry says is shown, in characters. */
const LONGEST_WORDS = 1000

/** A chunk is not what comes next, or the registry has not noticed yet that the request before it has broken off. */
const OUT_OF_ORDER = 416

/** An answer with an unexpected status as an error; reads the answer's body. `what` is what was asked for. */
export async function refusalOf(response: IncomingResponse, what: string): Promise<BallastError> {
  const errors = decodeErrors(await readBeginning(response, LARGEST_ERROR))
  const { status, peer, url } = response
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
    hint: remedyFor(url.host, nameIn(url), errors) ?? hintFor(status),
    retryable:
      isRetryable(status) ||
      status === OUT_OF_ORDER ||
      errors.some(({ code }) => code === 'BLOB_UPLOAD_UNKNOWN'),
  })
}

export function isOutOfOrder(error: unknown): boolean {
  return refusalIn(error)?.status === OUT_OF_ORDER
}

/** The repository that was asked. */
function nameIn({ pathname }: URL): string {
  const route = parseRoute(pathname)
  return route !== undefined && 'name' in route ? route.name : 'the repository'
}

function hintFor(status: number): string | undefined {
  if (status === 401 || status === 403)
    return 'log in as a user who may do this, or check the repository name'
  if (status === 413) return 'the registry, or a proxy before it, limits the size of an upload'
  if (status === 429) return 'too many requests: wait, then run the command again'
  if (status === 507) return 'the registry has no space left'
  return status >= 500 ? "the cause is in the registry's own log" : undefined
}
