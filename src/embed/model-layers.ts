import type { CallOptions } from '../core/index.ts'
import { blobsOf, encodeRecipe, hashLayer, type LayerRecipe } from '../oci/index.ts'
import type { DerivedBlob, Session, Store } from '../store/index.ts'

/**
 * Digest and size of a layer: remembered, or computed in one pass that verifies every blob as well, and then
 * remembered. Throws DAMAGED for a blob whose bytes are wrong.
 */
export async function deriveLayer(
  store: Store,
  { session, recipe }: { readonly session: Session; readonly recipe: LayerRecipe },
  options: CallOptions = {},
): Promise<DerivedBlob> {
  const text = encodeRecipe(recipe)
  const known = await store.derived.findByRecipe(text)
  if (known !== undefined) return known
  const { digest, size } = await hashLayer(recipe, store.fileContent, options)
  const layer = { digest, size, recipe: text, parts: blobsOf(recipe).map((blob) => blob.digest) }
  await store.derived.put(session, layer)
  return layer
}
