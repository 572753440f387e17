import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import { parseReference } from '../model/index.ts'
import type { EmbeddedModel, Image, ImageRepository, LayerDescriptor, Placement } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import type { BaseFiles } from './base-files.ts'
import { deriveLayer } from './model-layers.ts'
import { placementOf, planModel, refuseHiddenBelow } from './plan.ts'
import { layerThere } from './publish.ts'
import { derivedBlob, type PlacedModel } from './with-models.ts'

interface Home {
  readonly image: Image
  readonly base: BaseFiles
  readonly repository: ImageRepository
}

export interface CarryOver {
  readonly session: Session
  readonly model: EmbeddedModel
  readonly former: Home
  readonly next: Home
  /** The other models of the image that is made. */
  readonly others: readonly EmbeddedModel[]
}

/**
 * A model of one image, for another. Its layers state the directories above its files as the base has them: where those
 * are the same, and nothing of the base lies above the layers, they are taken as they are. Throws as `rebase` does.
 */
export async function carryOver(
  store: Store,
  { session, model, former, next, others }: CarryOver,
  options: CallOptions = {},
): Promise<PlacedModel> {
  const placement = placementOf(model, { ...next, others })
  const before = placementOf(model, { ...former, others: [] })
  if (model.position === 'bottom' || !isSamePlace(before, placement))
    return madeAnew(store, { session, model, former, next, others }, options)
  const top = await deriveLayer(store, { session, recipe: placement.recipe }, options)
  const files = model.layers.slice(0, -1).map((diffId) => layerOf(former.image, { model, diffId }))
  return {
    label: { ...model, layers: [...model.layers.slice(0, -1), top.digest] },
    files: files.map((layer) => layerThere(layer, { of: 'model', in: former.repository }, options)),
    placement: derivedBlob(store, top, { heldBy: next.repository }),
  }
}

function isSamePlace(a: Placement, b: Placement): boolean {
  return JSON.stringify([a.directory, a.parents]) === JSON.stringify([b.directory, b.parents])
}

function layerOf(
  { layers, diffIds }: Image,
  { model, diffId }: { readonly model: EmbeddedModel; readonly diffId: Digest },
): LayerDescriptor {
  const layer = layers[diffIds.lastIndexOf(diffId)]
  if (layer !== undefined) return layer
  throw new BallastError('DAMAGED', `the layer ${diffId} of ${model.model} is not part of the image`, {
    hint: `embed it again: ballast embed ${model.reference} IMAGE -t IMAGE`,
  })
}

async function madeAnew(
  store: Store,
  { session, model, former, next, others }: CarryOver,
  options: CallOptions,
): Promise<PlacedModel> {
  if ((await store.blobs.stat(model.digest)) === undefined) throw notInStore(model)
  const wanted = {
    reference: { ...parseReference(model.reference), name: parseReference(model.model).name },
    number: model.number,
    version: await store.readVersion(model.digest),
    path: model.path ?? undefined,
    name: model.name,
    realPath: model.realPath,
  }
  const command = `ballast rebase IMAGE ${next.repository.name}`
  const { image, base } = next
  const plan = { session, model: wanted, before: model, others, image, base, command }
  const planned = await planModel(store, plan, options)
  if (model.position === 'bottom') refuseHiddenBelow(planned, { base, reference: model.reference })
  return {
    label: planned.label(model.position),
    files: planned.files.map((layer) => derivedBlob(store, layer, { heldBy: former.repository })),
    placement: derivedBlob(store, planned.placement, { heldBy: next.repository }),
  }
}

function notInStore({ model, number, digest, position }: EmbeddedModel): BallastError {
  const why = position === 'bottom' ? 'it lies below the image' : 'the directories above it have changed'
  return new BallastError(
    'NOT_FOUND',
    `${model}:${number} is not in the store, and its layers have to be made anew: ${why}`,
    { hint: `bring ${model}@${digest} into the store first, as by ballast pull IMAGE ${model}:${number}` },
  )
}
