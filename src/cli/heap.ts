import { setFlagsFromString } from 'node:v8'

/**
 * Memory outside of the heap is freed when its small owner is collected: a young generation that may grow keeps hundreds
 * of MB of buffers that nobody uses any more. To be called early, and not for short work, which it makes slower.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
