import type { Random } from '../fixtures/random.ts'

/** Of a request, what the client sends or what it is answered. */
export type Side = 'sent' | 'answered'

/** What goes wrong once. `at` is a place in the body, from 0 to 1. */
export type Fault =
  /** Answered instead of the server. */
  | { readonly kind: 'status'; readonly status: number }
  /** The request is held up before it is passed on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Every chunk of the answer comes late. */
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'reset'; readonly side: Side; readonly at: number }
  | { readonly kind: 'stall'; readonly side: Side; readonly at: number }
  | { readonly kind: 'truncate'; readonly side: Side; readonly at: number }
  | { readonly kind: 'flip'; readonly side: Side; readonly at: number }
  | { readonly kind: 'drop'; readonly side: Side; readonly at: number }
  | { readonly kind: 'duplicate'; readonly side: Side; readonly at: number }
  /** The headers of the answer do not fit its body. */
  | { readonly kind: 'length'; readonly by: number }
  | { readonly kind: 'range'; readonly by: number }
  /** 206 becomes 200, with the same body. */
  | { readonly kind: 'whole' }
  /** `Docker-Content-Digest` is that of something else. */
  | { readonly kind: 'digest' }
  /** Nothing is mounted: 202 begins an upload instead. Of no effect on other requests. */
  | { readonly kind: 'mount'; readonly status: number }
  /** The registry knows nothing of ranges: a part that is asked for is answered whole. */
  | { readonly kind: 'no-ranges' }
  /** The token, where there is one, is at its end. */
  | { readonly kind: 'expired' }
  /** A blob is at another host, which must not be shown the login. Of no effect on other requests. */
  | { readonly kind: 'redirect' }

/** One request or call; `index` counts from 0. */
export interface Occasion {
  readonly index: number
  /** `GET`, or the name of a call. */
  readonly method: string
  /** The path of a request, or what a call is about. */
  readonly path: string
}

export type Plan = (occasion: Occasion) => Fault | undefined

/** A fault in about `rate` (from 0 to 1) of all occasions, as the random numbers say. */
export function randomPlan(random: Random, rate: number): Plan {
  return () => (random.next() < rate ? randomFault(random) : undefined)
}

const STATUSES = [400, 401, 403, 404, 408, 409, 413, 416, 429, 500, 502, 503, 504]

/** How registries say that they do not mount a blob. */
export const MOUNT_REFUSALS = [202, 401, 403, 405] as const

export function randomFault(random: Random): Fault {
  const side = random.pick(['sent', 'answered'] as const)
  // Beginnings and ends are where mistakes are.
  const at = random.pick([0, 1, random.next(), random.next()])
  return random.pick<() => Fault>([
    () => ({ kind: 'status', status: random.pick(STATUSES) }),
    () => ({ kind: 'delay', ms: random.below(20) }),
    () => ({ kind: 'slow', ms: random.below(10) }),
    () => ({ kind: 'reset', side, at }),
    () => ({ kind: 'stall', side, at }),
    () => ({ kind: 'truncate', side, at }),
    () => ({ kind: 'flip', side, at }),
    () => ({ kind: 'flip', side, at }),
    () => ({ kind: 'drop', side, at }),
    () => ({ kind: 'duplicate', side, at }),
    () => ({ kind: 'length', by: random.pick([-1, 1, -100, 100, 1_000_000]) }),
    () => ({ kind: 'range', by: random.pick([-1, 1, 100]) }),
    () => ({ kind: 'whole' }),
    () => ({ kind: 'digest' }),
    () => ({ kind: 'mount', status: random.pick(MOUNT_REFUSALS) }),
    () => ({ kind: 'no-ranges' }),
    () => ({ kind: 'expired' }),
    () => ({ kind: 'redirect' }),
  ])()
}

const CHUNK = 1000

/** The bytes as a fault of that side leaves them; the same where it is none of bytes. */
export function spoil(bytes: Buffer, fault: Fault | undefined, side: Side): Buffer {
  if (fault === undefined || !('side' in fault) || fault.side !== side || bytes.length === 0) return bytes
  const place = placeIn(bytes, fault.at)
  if (fault.kind === 'truncate') return bytes.subarray(0, place)
  if (fault.kind === 'drop') return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + CHUNK)])
  if (fault.kind === 'duplicate')
    return Buffer.concat([bytes.subarray(0, place + CHUNK), bytes.subarray(place)])
  if (fault.kind !== 'flip') return bytes
  const flipped = Buffer.from(bytes)
  flipped[place] = (flipped[place] ?? 0) ^ 1
  return flipped
}

/** The index of a byte. */
export function placeIn({ length }: Uint8Array, at: number): number {
  return Math.max(0, Math.min(length - 1, Math.floor(at * length)))
}
