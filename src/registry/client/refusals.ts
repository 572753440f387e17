import { BallastError, redact } from '../../core/index.ts'
import { decodeErrors, LARGEST_ERROR, type OciError } from '../protocol/index.ts'
import type { IncomingResponse } from './transport.ts'

/** What a refusal's `cause` holds, for the code that decides what to do about it. */
export interface Refusal {
  readonly status: number
  readonly errors: readonly OciError[]
  /** How long the registry asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
}

/** ggcr's list; 499 and 522 are what nginx and Cloudflare answer for a server that went away. */
const RETRYABLE = [408, 429, 499, 500, 502, 503, 504, 522]

/** How much of what a registry says is shown, in characters. */
const LONGEST_WORDS = 1000

/** An answer with an unexpected status as an error; reads the answer's body. `what` is what was asked for. */
export async function refusalOf(response: IncomingResponse, what: string): Promise<BallastError> {
  const errors = decodeErrors(await readSome(response))
  const { status, url } = response
  const retryAfterMs = parseRetryAfter(response.header('retry-after'))
  const said = errors
    .map(({ code, message }) => (message === '' ? code : `${message} (${code})`))
    .join('; ')
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_WORDS)
  const denied = status === 401 || status === 403
  const message = `registry ${url.host} ${denied ? 'denies' : 'refuses'} ${what}: ${said || `HTTP ${status}`}`
  return new BallastError(denied ? 'UNAUTHORIZED' : 'REMOTE', redact(message), {
    cause: { status, errors, retryAfterMs } satisfies Refusal,
    hint: hintFor(status),
    retryable: RETRYABLE.includes(status) || errors.some(({ code }) => code === 'BLOB_UPLOAD_UNKNOWN'),
  })
}

/** What the registry answered, where that is why the call failed. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (!(error instanceof BallastError)) return undefined
  const cause = error.cause as Partial<Refusal> | undefined
  return typeof cause?.status === 'number' && Array.isArray(cause.errors) ? (cause as Refusal) : undefined
}

/** Seconds or a date (RFC 9110, 10.2.3) as milliseconds from now. */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

function hintFor(status: number): string | undefined {
  if (status === 401 || status === 403)
    return 'log in as a user who may do this, or check the repository name'
  if (status === 413) return 'the registry, or a proxy before it, limits the size of an upload'
  if (status === 429) return 'too many requests: wait, then run the command again'
  if (status === 507) return 'the registry has no space left'
  return status >= 500 ? "the cause is in the registry's own log" : undefined
}

/** A body that breaks off is no reason to hide the status. */
async function readSome({ body }: IncomingResponse): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      parts.push(chunk)
      size += chunk.length
      if (size > LARGEST_ERROR) break
    }
  } catch (error) {
    if (error instanceof BallastError && error.code === 'INTERRUPTED') throw error
  }
  return Buffer.concat(parts)
}
