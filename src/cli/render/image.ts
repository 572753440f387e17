import { shortDigest } from '../../core/index.ts'
import type { EmbedImageResult } from '../../workflows/embed.ts'
import { formatBytes, formatCount, formatDuration } from './text.ts'

type Made = Pick<
  EmbedImageResult,
  'image' | 'digest' | 'models' | 'platforms' | 'layers' | 'bytesSent' | 'former' | 'ms'
>

/** An image that was made: what it holds, what was sent. Lines, each ended. */
export function describeMade({ image, digest, models, platforms, layers, bytesSent, ms }: Made): string {
  const count = (how: string): number => layers.filter((layer) => layer.how === how).length
  const parts = [
    [count('sent'), 'sent'],
    [count('mounted'), 'mounted from another repository'],
    [count('exists'), 'there already'],
  ] as const
  const moved = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  return (
    `${image}   ${shortDigest(digest)}   with ${models.map(({ ref, path }) => `${ref} at ${path}`).join(', ')}\n` +
    (platforms.length === 1 ? '' : `an index for ${platforms.join(', ')}\n`) +
    `${formatCount(layers.length, 'layer')}: ${moved.join(', ')}; ${formatBytes(bytesSent)} sent in ${formatDuration(ms)}\n`
  )
}

/** `operand` is the image as `rollback` takes it. Empty where there is no former image. */
export function describeFormer({ former }: Pick<Made, 'former'>, operand: string): string {
  if (former === undefined) return ''
  return `the former image is ${former}; to return to it: ballast rollback ${operand}\n`
}
