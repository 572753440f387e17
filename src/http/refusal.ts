import { BallastError } from '../core/index.ts'
import type { IncomingResponse } from './transport.ts'

/** What the `cause` of an error holds that an answer's status was made into, for who decides whether to ask again. */
export interface Refusal {
  readonly status: number
  /** How long the other side asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
}

/** ggcr's list; 499 and 522 are what nginx and Cloudflare answer for a server that went away. */
const RETRYABLE = [408, 429, 499, 500, 502, 503, 504, 522]

/** Whether the same request may be answered better later. */
export function isRetryable(status: number): boolean {
  return RETRYABLE.includes(status)
}

/** What was answered, where that is why the call failed. */
export function refusalIn(error: unknown): Refusal | undefined {
  if (!(error instanceof BallastError)) return undefined
  const cause = error.cause as Partial<Refusal> | undefined
  return typeof cause?.status === 'number' ? (cause as Refusal) : undefined
}

/** Seconds or a date (RFC 9110, 10.2.3) as milliseconds from now. */
export function parseRetryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** At least `limit` bytes of a body, where it has them, to tell why it was answered: one that breaks off hides no status. */
export async function readBeginning({ body }: IncomingResponse, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      parts.push(chunk)
      size += chunk.length
      if (size > limit) break
    }
  } catch (error) {
    if (error instanceof BallastError && error.code === 'INTERRUPTED') throw error
  }
  return Buffer.concat(parts)
}
