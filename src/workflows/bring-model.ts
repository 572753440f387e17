import type { CallOptions } from '../core/index.ts'
import { isRemote } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { ImageAccess } from './image-places.ts'
import { pull } from './pull.ts'

/**
 * What a reference is called in the store. A model that is elsewhere (in a registry, a bucket or a layout) is pulled first,
 * under its own name; nothing is fetched that the store has. Throws what `pull` throws.
 */
export async function bringModel(
  store: Store,
  { ref, access }: { readonly ref: string; readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<string> {
  if (!isRemote(ref)) return ref
  const pulled = await pull(store, { remote: ref, access }, options)
  // It was judged by the policy there; in the store the tag need not have one, which who knows the key of policies would not use.
  return store.policyKeys.length > 0 ? pulled.ref : (pulled.tag ?? pulled.ref)
}
