import { shortDigest } from '../../core/index.ts'
import type { EmbedImageResult } from '../../workflows/embed.ts'
import { formatMoved } from './moved.ts'

type Made = Pick<
  EmbedImageResult,
  'image' | 'digest' | 'models' | 'platforms' | 'layers' | 'bytesSent' | 'former' | 'ms'
>

/** An image that was made: what it holds, what was sent. Lines, each ended. */
export function describeMade({ image, digest, models, platforms, layers, bytesSent, ms }: Made): string {
  return (
    `${image}   ${shortDigest(digest)}   with ${models.map(({ ref, path }) => `${ref} at ${path}`).join(', ')}\n` +
    (platforms.length === 1 ? '' : `an index for ${platforms.join(', ')}\n`) +
    `${formatMoved({ blobs: layers, bytesSent, ms }, 'layer')}\n`
  )
}

/** `operand` is the image as `rollback` takes it. Empty where there is no former image. */
export function describeFormer({ former }: Pick<Made, 'former'>, operand: string): string {
  if (former === undefined) return ''
  return `the former image is ${former}; to return to it: ballast rollback ${operand}\n`
}
