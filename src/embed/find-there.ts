import type { CallOptions } from '../core/index.ts'
import type { BlobDescriptor, ImageRepository } from '../oci/index.ts'

/** Whether the repository has a blob, or now has it by taking it over from another one; undefined: it has to be sent. */
export async function findThere(
  target: ImageRepository,
  { blob, from }: { readonly blob: BlobDescriptor; readonly from: ImageRepository | undefined },
  options: CallOptions,
): Promise<'exists' | 'mounted' | undefined> {
  if (await target.hasBlob(blob, options)) return 'exists'
  const mounted = from?.scope === target.scope && (await target.mountBlob(blob, from, options))
  return mounted ? 'mounted' : undefined
}
