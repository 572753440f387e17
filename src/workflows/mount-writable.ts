import { resolve } from 'node:path'
import type { CallOptions } from '../core/index.ts'
import { mountWritable } from '../mount/index.ts'
import type { Store } from '../store/index.ts'
import { type MountRequest, type MountResult, pinnedAt, withDelivery } from './mount.ts'

/** Mounts a version with a private layer over it that may be written to. Throws what `mountWritable` throws. */
export async function mountToWrite(
  store: Store,
  request: Pick<MountRequest, 'ref' | 'target'>,
  options: CallOptions = {},
): Promise<MountResult> {
  const target = resolve(request.target)
  // Not a time that tells anything of copies: with links none are made.
  return withDelivery(store, { ...request, link: true }, async (resolved, delivery) => {
    const delivered = await mountWritable(store, { target, delivery }, options)
    return { ...pinnedAt(target, resolved), ...delivered, use: { kind: 'target', place: target } }
  })
}
