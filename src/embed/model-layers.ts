import type { CallOptions } from '../core/index.ts'
import { blobsOf, encodeRecipe, hashLayer, type LayerRecipe, layerContent } from '../oci/index.ts'
import type { DerivedBlob, Session, Store } from '../store/index.ts'
import type { EarlyUploads } from './early-uploads.ts'

/**
 * Digest and size of a layer: remembered, or computed in one pass that verifies every blob as well, and then
 * remembered. What has to be computed may be sent meanwhile (`early`). Throws DAMAGED for a blob whose bytes are wrong.
 */
export async function deriveLayer(
  store: Store,
  {
    session,
    recipe,
    early,
  }: {
    readonly session: Session
    readonly recipe: LayerRecipe
    readonly early?: EarlyUploads | undefined
  },
  options: CallOptions = {},
): Promise<DerivedBlob> {
  const text = encodeRecipe(recipe)
  const known = await store.derived.findByRecipe(text)
  if (known !== undefined) return known
  const upload = early?.begin(layerContent(recipe, store.fileContent))
  const { digest, size } = await hashLayer(recipe, store.fileContent, options)
  upload?.settle({ digest, size })
  const layer = { digest, size, recipe: text, parts: blobsOf(recipe).map((blob) => blob.digest) }
  await store.derived.put(session, layer)
  return layer
}
