import { isBallastError } from '../core/index.ts'
import type { BlobDescriptor, ImageRepository } from '../oci/index.ts'

/** Reads a blob, and once more from another place where the first had other bytes. Throws what `read` throws. */
export function readSurely<T>(
  { repository, blob }: { readonly repository: ImageRepository; readonly blob: BlobDescriptor },
  read: () => Promise<T>,
): Promise<T> {
  return read().catch((error: unknown) => {
    if (isBallastError(error, 'DAMAGED') && repository.doubt?.(blob) === true) return read()
    throw error
  })
}
