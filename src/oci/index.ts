export type { BlobDescriptor, ImageRepository, StoredManifest } from './image-repository.ts'
export { type HashedLayer, hashLayer, layerContent, type OpenBlob } from './layer.ts'
export { blobsOf, decodeRecipe, encodeRecipe, type LayerEntry, type LayerRecipe } from './layer-recipe.ts'
export {
  type DirectoryEntry,
  LARGE_FILE,
  LARGEST_SMALL_LAYER,
  MOST_LARGE_LAYERS,
  type ModelLayersOptions,
  modelLayers,
  packFiles,
} from './packing.ts'
export { encodeHeader, paddingOf, TAR_BLOCK, TAR_END, type TarEntry, type TarType } from './tar-header.ts'
export { readTar } from './tar-reader.ts'
