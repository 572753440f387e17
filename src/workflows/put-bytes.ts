import { bytesContent, type CallOptions, digestOf } from '../core/index.ts'
import type { ImageRepository } from '../oci/index.ts'

/** A blob that is in memory, unless the remote has it. */
export async function putBytes(
  repository: ImageRepository,
  bytes: Uint8Array,
  options: CallOptions = {},
): Promise<void> {
  const blob = { digest: digestOf(bytes), size: bytes.length }
  if (!(await repository.hasBlob(blob, options))) await repository.putBlob(blob, bytesContent(bytes), options)
}
