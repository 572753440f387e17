import { shortDigest } from '../../core/index.ts'
import type { Transferred } from '../../embed/index.ts'
import type { PullResult } from '../../workflows/pull-place.ts'
import type { PushResult } from '../../workflows/push.ts'
import { formatBytes, formatCount, formatDuration } from './text.ts'

interface Moved {
  readonly blobs: readonly Transferred[]
  readonly bytesSent: number
  readonly attached?: number
  readonly ms: number
}

/** `4 blobs: 1 sent, 3 there already; 2 MiB sent in 1.2 s; 2 documents attached`; `what` are they, if not blobs. */
export function formatMoved({ blobs, bytesSent, attached = 0, ms }: Moved, what = 'blob'): string {
  const count = (how: Transferred['how']): number => blobs.filter((blob) => blob.how === how).length
  const ways = [
    [count('sent'), 'sent'],
    [count('mounted'), 'mounted from another repository'],
    [count('exists'), 'there already'],
  ] as const
  const moved = ways.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return (
    `${formatCount(blobs.length, what)}: ${moved.join(', ')}; ${formatBytes(bytesSent)} sent in ${formatDuration(ms)}` +
    `${attached === 0 ? '' : `; ${formatCount(attached, 'document')} attached`}`
  )
}

/** A version that went into an archive with others, or came out of it. */
export function lineInBundle({
  ref,
  tag,
  digest,
  attached,
}: Pick<PushResult | PullResult, 'ref' | 'tag' | 'digest' | 'attached'>): string {
  const documents = attached === 0 ? '' : `   ${formatCount(attached, 'document')} attached`
  return `${tag ?? ref}   ${shortDigest(digest)}${documents}\n`
}
