import { BallastError, type CallOptions, shortDigest } from '../core/index.ts'
import {
  type AddedLayer,
  assembleImage,
  decodeRecipe,
  directoryOf,
  type EmbeddedModel,
  layerContent,
  type Position,
  readLabel,
  warnings,
} from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readBaseFiles } from './base-files.ts'
import type { ImageOfPlatform } from './base-image.ts'
import { type Pricing, positionOf } from './choose-position.ts'
import type { EarlyUploads } from './early-uploads.ts'
import { type ModelToEmbed, nameOf, type PlannedModel, planModel } from './plan.ts'
import { type ImagePlace, type ImageToPublish, layerThere } from './publish.ts'
import type { ImageBlob } from './transfer.ts'

export interface EmbedInImage {
  /** Has leased all blobs of the models. */
  readonly session: Session
  readonly of: ImageOfPlatform
  readonly models: readonly ModelToEmbed[]
  readonly base: ImagePlace
  readonly result: ImagePlace
  /** What the user runs again after mending the base. */
  readonly command: string
  readonly early: EarlyUploads
}

export interface EmbeddedInImage extends ImageToPublish {
  readonly models: readonly EmbeddedModel[]
  readonly pricing: readonly Pricing[]
  readonly warnings: readonly string[]
}

/** One image with the models in it, ready to be published. Throws as `embed` does. */
export async function embedInImage(
  store: Store,
  { session, of: { digest, platform, image }, models, command, ...places }: EmbedInImage,
  options: CallOptions = {},
): Promise<EmbeddedInImage> {
  const { early } = places
  const [from, target] = [places.base.repository, places.result.repository]
  const former = readLabel(image.config)
  const names = models.map(nameOf)
  const replaced = former.filter(({ name }) => names.includes(name))
  for (const model of models) refuseOtherModel(model, replaced)
  const kept = former.filter(({ name }) => !names.includes(name))
  const base = await readBaseFiles(store, session, { image, repository: from }, options)
  const placed: PlacedModel[] = []
  const pricing: Pricing[] = []
  for (const model of models) {
    const before = replaced.find(({ name }) => name === nameOf(model))
    const others = [...kept, ...placed.map(({ label }) => label)]
    // The layers of a version that the base has are there, or can be mounted.
    const there = before?.digest === model.version.digest && from.scope === target.scope
    const plan = {
      ...{ session, model, before, others, image, base, command },
      early: there ? undefined : early,
    }
    const planned = await planModel(store, plan, options)
    const result = { ...places.result, platform }
    const choice = { model, planned, before, image, base, result, now: Date.now() }
    const chosen = await positionOf(store, choice, options)
    placed.push({ planned, position: chosen.position, label: planned.label(chosen.position) })
    if (chosen.pricing !== undefined) pricing.push(chosen.pricing)
  }
  const label = [...kept, ...placed.map((model) => model.label)]
  const assembled = assembleImage({ base: image, remove: replaced, add: placed.flatMap(addedLayers), label })
  const own = new Map(placed.flatMap(({ planned }) => [...planned.files, planned.placement]).map(byDigest))
  const layers = assembled.layers.map((layer): ImageBlob => {
    const made = own.get(layer.digest)
    if (made === undefined) return layerThere(layer, { of: 'base', in: from }, options)
    return {
      ...{
        digest: made.digest,
        size: made.size,
        item: `model layer ${shortDigest(made.digest)}`,
        heldBy: from,
      },
      content: () => layerContent(decodeRecipe(made.recipe), store.fileContent),
      early: early.of(made.digest),
    }
  })
  // Loaded as `docker save` has them, images lose nothing.
  const lost = target.whole === undefined ? warnings(image) : []
  const moved = placed.flatMap((model) => movedPath(model.label, replaced))
  return {
    insteadOf: digest,
    image: assembled,
    layers,
    models: label,
    pricing,
    warnings: [...lost, ...moved],
  }
}

function byDigest<T extends { readonly digest: string }>(item: T): readonly [T['digest'], T] {
  return [item.digest, item]
}

interface PlacedModel {
  readonly planned: PlannedModel
  readonly position: Position
  readonly label: EmbeddedModel
}

/** The placement layer goes on top in any case, where nothing of the base can hide its link (design, "Position"). */
function addedLayers({ planned, position, label }: PlacedModel): readonly AddedLayer[] {
  const createdBy = `ballast embed ${label.reference}`
  const { digest, size } = planned.placement
  return [
    ...planned.files.map((file) => ({ digest: file.digest, size: file.size, createdBy, position })),
    { digest, size, createdBy, position: 'top' },
  ]
}

function movedPath({ name, path }: EmbeddedModel, replaced: readonly EmbeddedModel[]): readonly string[] {
  const before = replaced.find((model) => model.name === name)?.path ?? null
  return before === null || before === path ? [] : [`${name} is no longer found at ${before}`]
}

/** Two models whose names end alike would take each other's place, path included. */
function refuseOtherModel(model: ModelToEmbed, replaced: readonly EmbeddedModel[]): void {
  const there = replaced.find(({ name }) => name === nameOf(model))
  if (there === undefined || there.model === model.reference.name) return
  throw new BallastError('CONFLICT', `the image holds the model ${there.model} at ${directoryOf(there)}`, {
    hint: `give ${model.reference.name} a directory of its own: --as NAME`,
  })
}
