import { type CallOptions, isBallastError } from '../core/index.ts'
import type { Bucket } from './bucket.ts'

/**
 * Whether the server keeps `onlyNew`: asked by writing the same bytes twice under one key, which stays. Servers that do not
 * know the condition refuse it, or write as if nothing had been asked.
 */
export async function hasConditionalWrites(
  bucket: Bucket,
  { key, bytes }: { readonly key: string; readonly bytes: Uint8Array },
  options: CallOptions = {},
): Promise<boolean> {
  try {
    const isNew = await bucket.put(key, bytes, { ...options, onlyNew: true })
    return !isNew || !(await bucket.put(key, bytes, { ...options, onlyNew: true }))
  } catch (error) {
    if (isBallastError(error, 'REFUSED')) return false
    throw error
  }
}
