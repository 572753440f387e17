import { BallastError, type CallOptions } from '../core/index.ts'
import { directoryOf, type EmbeddedModel, readLabel } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readBaseFiles } from './base-files.ts'
import type { ImageOfPlatform } from './base-image.ts'
import { type Pricing, positionOf } from './choose-position.ts'
import type { EarlyUploads } from './early-uploads.ts'
import { type ModelToEmbed, nameOf, planModel } from './plan.ts'
import type { ImagePlace } from './publish.ts'
import { derivedBlob, type ImageWithModels, type PlacedModel, withModels } from './with-models.ts'

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

export interface EmbeddedInImage extends ImageWithModels {
  readonly pricing: readonly Pricing[]
}

/** One image with the models in it, ready to be published. Throws as `embed` does. */
export async function embedInImage(
  store: Store,
  { session, of, models, command, early, ...places }: EmbedInImage,
  options: CallOptions = {},
): Promise<EmbeddedInImage> {
  const { platform, image } = of
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
    const here = { heldBy: from, early }
    placed.push({
      label: planned.label(chosen.position),
      files: planned.files.map((layer) => derivedBlob(store, layer, here)),
      placement: derivedBlob(store, planned.placement, here),
    })
    if (chosen.pricing !== undefined) pricing.push(chosen.pricing)
  }
  const made = withModels({ of, from, target }, { replaced, kept, placed }, options)
  const moved = placed.flatMap(({ label }) => movedPath(label, replaced))
  return { ...made, pricing, warnings: [...made.warnings, ...moved] }
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
