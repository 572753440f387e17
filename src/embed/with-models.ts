import { type CallOptions, shortDigest } from '../core/index.ts'
import {
  type AddedLayer,
  assembleImage,
  decodeRecipe,
  type EmbeddedModel,
  type ImageRepository,
  layerContent,
  warnings,
} from '../oci/index.ts'
import type { DerivedBlob, Store } from '../store/index.ts'
import type { ImageOfPlatform } from './base-image.ts'
import type { EarlyUploads } from './early-uploads.ts'
import { type ImageToPublish, layerThere } from './publish.ts'
import type { ImageBlob } from './transfer.ts'

export interface PlacedModel {
  readonly label: EmbeddedModel
  /** The layers of its files, lowest first, and where their bytes are. */
  readonly files: readonly ImageBlob[]
  readonly placement: ImageBlob
}

export interface ImageWithModels extends ImageToPublish {
  /** What it holds. */
  readonly models: readonly EmbeddedModel[]
  readonly warnings: readonly string[]
}

interface Places {
  readonly of: ImageOfPlatform
  readonly from: ImageRepository
  readonly target: ImageRepository
}

interface Models {
  /** Of a former embed, to be taken out. */
  readonly replaced: readonly EmbeddedModel[]
  /** Of a former embed, to stay. */
  readonly kept: readonly EmbeddedModel[]
  readonly placed: readonly PlacedModel[]
}

/** The image with models put in and taken out, ready to be published. Throws what `assembleImage` does. */
export function withModels(
  { of: { digest, image }, from, target }: Places,
  { replaced, kept, placed }: Models,
  options: CallOptions = {},
): ImageWithModels {
  const models = [...kept, ...placed.map(({ label }) => label)]
  const add = placed.flatMap(addedLayers)
  const made = assembleImage({ base: image, remove: replaced, add, label: models })
  const own = new Map(placed.flatMap(({ files, placement }) => [...files, placement]).map(byDigest))
  const layers = made.layers.map(
    (layer) => own.get(layer.digest) ?? layerThere(layer, { of: 'base', in: from }, options),
  )
  // Loaded as `docker save` has them, images lose nothing.
  const lost = target.whole === undefined ? warnings(image) : []
  return { insteadOf: digest, image: made, layers, models, warnings: lost }
}

/** A layer that is made of the store's blobs when it is sent; `heldBy` is a repository that may have it. */
export function derivedBlob(
  store: Store,
  { digest, size, recipe }: DerivedBlob,
  { heldBy, early }: { readonly heldBy: ImageRepository; readonly early?: EarlyUploads },
): ImageBlob {
  const content = (): ReturnType<ImageBlob['content']> =>
    layerContent(decodeRecipe(recipe), store.fileContent)
  return {
    digest,
    size,
    item: `model layer ${shortDigest(digest)}`,
    heldBy,
    content,
    early: early?.of(digest),
  }
}

/** The placement layer goes on top in any case, where nothing of the base can hide its link (design, "Position"). */
function addedLayers({ label, files, placement }: PlacedModel): readonly AddedLayer[] {
  const createdBy = `ballast embed ${label.reference}`
  const { position } = label
  return [
    ...files.map(({ digest, size }) => ({ digest, size, createdBy, position })),
    { digest: placement.digest, size: placement.size, createdBy, position: 'top' },
  ]
}

function byDigest(blob: ImageBlob): readonly [ImageBlob['digest'], ImageBlob] {
  return [blob.digest, blob]
}
