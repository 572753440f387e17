export {
  blobEntry,
  blobsIn,
  encodeArchiveIndex,
  encodeSavedManifest,
  LAYOUT_MARK,
} from './archive-documents.ts'
export {
  formatImageName,
  hostedName,
  type ImageName,
  imageNameFrom,
  parseImageName,
} from './archive-names.ts'
export { type ArchiveRepository, openArchive } from './archive-repository.ts'
export { createArchive } from './archive-writer.ts'
export {
  type AddedLayer,
  type AssembledImage,
  type AssembleOptions,
  assembleImage,
  layerHistory,
  MOST_LAYERS,
  ociLayerType,
} from './assemble.ts'
export { type Bundle, openBundle } from './bundle.ts'
export { type BundleWriter, createBundle } from './bundle-writer.ts'
export { compressionOf, decompressed } from './decompress.ts'
export { type HiddenBelow, type HidingStep, hiddenBelow } from './hidden-below.ts'
export { historyLine } from './history-line.ts'
export {
  configOf,
  decodeImage,
  type Image,
  type LayerDescriptor,
  platformOf,
  volumesOf,
  warnings,
} from './image-config.ts'
export { type NewIndex, withOtherImages } from './image-index.ts'
export {
  directoryOf,
  type EmbeddedModel,
  MODELS_LABEL,
  type Position,
  readLabel,
  writeLabel,
} from './image-label.ts'
export type {
  BlobDescriptor,
  BlobUpload,
  ImageLayer,
  ImageRepository,
  OpenBlobOptions,
  Referrers,
  RunningContainer,
  StoredManifest,
  WholeImages,
} from './image-repository.ts'
export {
  decodeInventory,
  encodeInventory,
  type Inventory,
  type InventoryEntry,
  type ReadInventoryOptions,
  readInventory,
} from './inventory.ts'
export { type HashedLayer, hashLayer, layerContent, type OpenFile } from './layer.ts'
export { blobsOf, decodeRecipe, encodeRecipe, type LayerEntry, type LayerRecipe } from './layer-recipe.ts'
export { mediaTypeOf } from './layout-index.ts'
export { type OpenLayoutOptions, openLayout } from './layout-repository.ts'
export { layersOf } from './own-layers.ts'
export {
  type DirectoryEntry,
  LARGE_FILE,
  LARGEST_SMALL_LAYER,
  MOST_LARGE_LAYERS,
  type ModelLayersOptions,
  modelLayers,
  packFiles,
} from './packing.ts'
export { type Placement, type PlacementOptions, planPlacement } from './placement.ts'
export {
  formatPlatform,
  type PlatformImage,
  platformsOf,
  selectPlatform,
} from './platforms.ts'
export { mergeInventories, type ResolvedPath, type RootNode, type RootView } from './root-view.ts'
export { SCRATCH, scratchImages } from './scratch.ts'
export { isReferrersTag, referrersOf, taggedReferrers } from './tagged-referrers.ts'
