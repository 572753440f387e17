import { BallastError, type CallOptions, oneLine } from '../core/index.ts'
import { encodeMarker, formatReference, lastPart, type Reference, type Version } from '../model/index.ts'
import {
  directoryOf,
  type EmbeddedModel,
  hiddenBelow,
  type Image,
  type LayerRecipe,
  modelLayers,
  type Placement,
  type Position,
  planPlacement,
  volumesOf,
} from '../oci/index.ts'
import type { DerivedBlob, Session, Store } from '../store/index.ts'
import type { BaseFiles } from './base-files.ts'
import { refuseCopiedModel } from './copied-model.ts'
import type { EarlyUploads } from './early-uploads.ts'
import { deriveLayer } from './model-layers.ts'

/** A version to be embedded. What is undefined stays as in a former embed, if there is one. */
export interface ModelToEmbed {
  readonly reference: Reference
  readonly number: number
  readonly version: Version
  /** The application's, absolute. */
  readonly path: string | undefined
  /** Its directory is `/models/<name>`. Undefined: the last part of the model's name. */
  readonly name: string | undefined
  /** The files at `path` itself instead of a link. Stays until a path is given again. */
  readonly realPath?: boolean | undefined
  readonly position?: Position | 'auto' | undefined
}

export interface PlannedModel {
  readonly name: string
  /** The layers of its files; the placement layer, always on top, is not among them. */
  readonly files: readonly DerivedBlob[]
  readonly placement: DerivedBlob
  /** The recipes of `files`. */
  readonly recipes: readonly LayerRecipe[]
  /** What the label says of it at this position. */
  readonly label: (position: Position) => EmbeddedModel
}

export interface PlanOptions {
  readonly session: Session
  readonly model: ModelToEmbed
  /** What a former embed of it says. */
  readonly before: EmbeddedModel | undefined
  /** The other models of the image. */
  readonly others: readonly EmbeddedModel[]
  readonly image: Image
  readonly base: BaseFiles
  /** The command that the user runs again after mending the base. */
  readonly command: string
  readonly early?: EarlyUploads | undefined
}

export function nameOf({ name, reference }: ModelToEmbed): string {
  return name ?? lastPart(reference.name)
}

/**
 * The model's layers, whatever their position. Throws REFUSED when something of the base would be hidden or the base
 * holds the model already, USAGE for real files without a path, DAMAGED for a blob whose bytes are wrong.
 */
export async function planModel(
  store: Store,
  { session, model, before, others, image, base, command, early }: PlanOptions,
  options: CallOptions = {},
): Promise<PlannedModel> {
  const name = nameOf(model)
  const { reference, number, version } = model
  const { path, realPath } = placeOf(model, before)
  const directory = realPath && path !== null ? path : `/models/${name}`
  const text = formatReference(reference)
  for (const place of new Set([path ?? directory, directory])) {
    refuseCopiedModel({ base, files: version.files, path: place, reference: text, command })
  }
  const stated = {
    name,
    model: reference.name,
    digest: version.digest,
    number,
    reference: text,
    path,
    realPath,
  }
  const placement = placementOf(stated, { image, base, others })
  const recipes = modelLayers({
    files: version.files,
    directory: placement.directory,
    parents: placement.parents,
  })
  const files: DerivedBlob[] = []
  for (const recipe of recipes) files.push(await deriveLayer(store, { session, recipe, early }, options))
  const top = await deriveLayer(store, { session, recipe: placement.recipe }, options)
  const layers = [...files, top].map(({ digest }) => digest)
  const label = (position: Position): EmbeddedModel => ({ ...stated, layers, position })
  return { name, files, placement: top, recipes, label }
}

/** Where a model goes in an image, and what says so there. Throws what `planPlacement` does. */
export function placementOf(
  model: Omit<EmbeddedModel, 'layers' | 'position'>,
  { image, base, others }: Pick<PlanOptions, 'image' | 'base' | 'others'>,
): Placement {
  const { model: name, digest, number, reference } = model
  return planPlacement({
    base: base.view,
    volumes: volumesOf(image.config),
    directory: directoryOf(model),
    at: model.path ?? undefined,
    marker: encodeMarker({ model: name, digest, number, reference }),
    others: others.flatMap((other) => [directoryOf(other), ...(other.path === null ? [] : [other.path])]),
  })
}

function placeOf(
  { path, realPath, reference }: ModelToEmbed,
  before: EmbeddedModel | undefined,
): Pick<EmbeddedModel, 'path' | 'realPath'> {
  const kept = path === undefined && before?.realPath === true
  const place = { path: path ?? before?.path ?? null, realPath: realPath ?? kept }
  if (place.realPath && place.path === null) {
    throw new BallastError('USAGE', `--real-path: at which path should ${formatReference(reference)} be?`, {
      hint: `name it: ${formatReference(reference)}=/app/models`,
    })
  }
  return place
}

/** Throws REFUSED where a layer of the base would hide the model below it. */
export function refuseHiddenBelow(
  planned: PlannedModel,
  { base, reference }: { readonly base: BaseFiles; readonly reference: string },
): void {
  const refusal = whyNotBelow(planned, base)
  if (refusal === undefined) return
  throw new BallastError('REFUSED', `${reference} cannot lie at the bottom: ${refusal}`, {
    hint: 'embed it with --position top, or change that step of the Dockerfile',
  })
}

/** Why the model cannot lie below the base's layers, in words; undefined when it can. */
export function whyNotBelow({ recipes }: PlannedModel, base: BaseFiles): string | undefined {
  const hidden = hiddenBelow(recipes, base)
  if (hidden === undefined) return undefined
  const { path } = hidden
  if (hidden.kind === 'changed') return `with the model below, /${path} of the image would be another thing`
  const { cause } = hidden
  if (cause === undefined) return `the image's layers together hide /${path}`
  const by = base.layers[cause.layer]?.createdBy ?? ''
  const step = by === '' ? '' : ` (${oneLine(by)})`
  const does = { deletes: 'deletes', empties: 'empties the directory', replaces: 'puts something else at' }
  return `layer ${cause.layer + 1} of the image's own${step} ${does[cause.how]} /${cause.path}, which would hide /${path}`
}
