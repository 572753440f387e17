import { type BallastError, type Digest, type ErrorCode, redact } from '../../core/index.ts'

export interface DeliveredVersion {
  /** `sentiment:3` */
  readonly version: string
  readonly digest: Digest
}

/** How a target stands: `waiting` before its first delivery, `stale` where what is there could not be brought up last time. */
export interface TargetStatus extends Partial<DeliveredVersion> {
  readonly ref: string
  readonly to: string
  /** Outside of this host. */
  readonly from?: string
  readonly is: 'waiting' | 'current' | 'stale'
  /** When it was found to be what its reference means, as ISO 8601; the older one of target and tag. */
  readonly lastSuccess?: string
  /** Looks and deliveries that failed, since this process began. */
  readonly failures: number
  readonly swaps: number
  readonly bytesCopied: number
  readonly trouble?: Trouble
}

export interface Trouble {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
  /** ISO 8601. */
  readonly since: string
}

/** What is known of something that is looked at again and again. */
export interface Looks {
  readonly failures: number
  readonly lastSuccess: string | undefined
  readonly trouble: Trouble | undefined
}

export const NO_LOOKS: Looks = { failures: 0, lastSuccess: undefined, trouble: undefined }

/** After one more look, now. The time of a trouble is that of its first look. */
export function afterLook(before: Looks, error: BallastError | undefined, now = new Date()): Looks {
  const time = now.toISOString()
  if (error === undefined) return { ...before, lastSuccess: time, trouble: undefined }
  const { code } = error
  // It is told to whoever asks, beyond this host too.
  const message = redact(error.message)
  const hint = error.hint === undefined ? undefined : redact(error.hint)
  const since = before.trouble?.message === message ? before.trouble.since : time
  return { ...before, failures: before.failures + 1, trouble: { code, message, hint, since } }
}

export interface Delivery {
  readonly version: DeliveredVersion | undefined
  readonly swaps: number
  readonly bytesCopied: number
}

/** `tag` where the reference is kept up with what is outside of this host. */
export function statusOf(
  { ref, to, from }: Pick<TargetStatus, 'ref' | 'to' | 'from'>,
  {
    delivery,
    looks,
    tag,
  }: { readonly delivery: Delivery; readonly looks: Looks; readonly tag: Looks | undefined },
): TargetStatus {
  const { version, swaps, bytesCopied } = delivery
  // What keeps the tag from moving explains why the target does not.
  const trouble = tag?.trouble ?? looks.trouble
  const seen = tag === undefined ? [looks.lastSuccess] : [looks.lastSuccess, tag.lastSuccess]
  const lastSuccess = seen.includes(undefined) ? undefined : (seen.toSorted()[0] as string)
  return {
    ref,
    to,
    ...(from !== undefined && { from }),
    is:
      version === undefined
        ? 'waiting'
        : lastSuccess === undefined || trouble !== undefined
          ? 'stale'
          : 'current',
    ...version,
    ...(lastSuccess !== undefined && { lastSuccess }),
    failures: looks.failures + (tag?.failures ?? 0),
    swaps,
    bytesCopied,
    ...(trouble !== undefined && { trouble }),
  }
}
