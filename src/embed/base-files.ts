import type { CallOptions, Digest } from '../core/index.ts'
import {
  type Image,
  type ImageRepository,
  type Inventory,
  layerHistory,
  layersOf,
  mergeInventories,
  type RootView,
  readLabel,
} from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readLayerInventory } from './base-image.ts'

export interface BaseLayer {
  readonly digest: Digest
  /** As it is transferred, in bytes. */
  readonly size: number
  readonly diffId: Digest
  /** The step that made it, as the image's history has it. */
  readonly createdBy: string
}

/** An image without what Ballast put there. */
export interface BaseFiles {
  /** Lowest first. */
  readonly layers: readonly BaseLayer[]
  /** What each of the layers says. */
  readonly inventories: readonly Inventory[]
  readonly view: RootView
}

/** The image's own layers, lowest first: those that none of its models consists of. Throws what `readLabel` does. */
export function baseLayers(image: Image): readonly BaseLayer[] {
  const models = layersOf(image, readLabel(image.config))
  const history = layerHistory(image)
  const layers = image.layers.map(({ digest, size }, at) => {
    return { digest, size, diffId: image.diffIds[at] as Digest, createdBy: history[at] ?? '' }
  })
  return layers.filter((_, at) => !models.has(at))
}

/** Reads the layers that were never read before. */
export async function readBaseFiles(
  store: Store,
  session: Session,
  { image, repository }: { readonly image: Image; readonly repository: ImageRepository },
  options: CallOptions = {},
): Promise<BaseFiles> {
  const layers = baseLayers(image)
  const inventories: Inventory[] = []
  for (const layer of layers) {
    inventories.push(await readLayerInventory(store, session, { repository, layer }, options))
  }
  return { layers, inventories, view: mergeInventories(inventories) }
}
