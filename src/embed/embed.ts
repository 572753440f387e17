import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  isBallastError,
  shortDigest,
} from '../core/index.ts'
import { encodeMarker, formatReference, lastPart, type Reference, type Version } from '../model/index.ts'
import {
  type AssembledImage,
  assembleImage,
  decodeRecipe,
  type EmbeddedModel,
  type Image,
  type ImageRepository,
  layerContent,
  mergeInventories,
  modelLayers,
  planPlacement,
  type RootView,
  readLabel,
  volumesOf,
  warnings,
} from '../oci/index.ts'
import type { DerivedBlob, Session, Store } from '../store/index.ts'
import { readImage, readLayerInventory } from './base-image.ts'
import { replaceImage } from './former-images.ts'
import { deriveLayer } from './model-layers.ts'
import { type ImageBlob, type Transferred, transferBlobs } from './transfer.ts'

/** A version to be embedded. `path` is the application's; undefined keeps the one of a former embed, if any. */
export interface ModelToEmbed {
  readonly reference: Reference
  readonly number: number
  readonly version: Version
  readonly path: string | undefined
  /** Its directory is `/models/<name>`. */
  readonly name: string | undefined
}

export interface ImagePlace {
  readonly repository: ImageRepository
  readonly reference: string
}

export interface EmbedRequest {
  readonly models: readonly ModelToEmbed[]
  readonly base: ImagePlace & { readonly platform?: string | undefined }
  readonly result: ImagePlace
}

export interface Embedded {
  readonly digest: Digest
  readonly layers: readonly Transferred[]
  /** Of layers, config and manifest. */
  readonly bytesSent: number
  /** The tag that the former image got, where there was one. */
  readonly former: string | undefined
  /** What the image holds now, models of former embeds included. */
  readonly models: readonly EmbeddedModel[]
  readonly warnings: readonly string[]
}

/**
 * Appends models to an image as layers, in the place of former versions of the same models, and publishes the result
 * (design, "Embed"). Everything else of the base stays as it is. Throws REFUSED when placement would hide something.
 */
export async function embed(
  store: Store,
  request: EmbedRequest,
  options: CallOptions = {},
): Promise<Embedded> {
  await using session = await store.begin()
  for (const { version } of request.models) {
    await session.lease([version.digest, ...version.files.map((file) => file.digest)])
  }
  try {
    return await embedLeased(store, session, request, options)
  } catch (error) {
    // What failed does not say whose bytes are wrong, and a layer that was remembered has not been read until now.
    if (isBallastError(error, 'DAMAGED')) await rehashAll(store, request.models)
    throw error
  }
}

async function embedLeased(
  store: Store,
  session: Session,
  request: EmbedRequest,
  options: CallOptions,
): Promise<Embedded> {
  const base = await readImage(request.base.repository, request.base, options)
  const former = readLabel(base.config)
  const names = request.models.map(directoryName)
  const replaced = former.filter(({ name }) => names.includes(name))
  for (const model of request.models) refuseOtherModel(model, replaced)
  const kept = former.filter(({ name }) => !names.includes(name))
  const view = await viewOf(store, session, { base, repository: request.base.repository, former }, options)
  const planned: PlannedModel[] = []
  for (const model of request.models) {
    const before = replaced.find(({ name }) => name === directoryName(model))
    const others = [...kept, ...planned.map(({ label }) => label)]
    planned.push(await planModel(store, { session, model, before, others, view, base }, options))
  }
  const layers = planned.flatMap((plan) => plan.layers)
  const models = [...kept, ...planned.map(({ label }) => label)]
  const image = assembleImage({
    base,
    remove: replaced.flatMap((model) => model.layers),
    add: planned.flatMap(({ layers: own, label }) =>
      own.map(({ digest, size }) => ({ digest, size, createdBy: `ballast embed ${label.reference}` })),
    ),
    label: models,
  })
  const sent = await publish(store, { request, layers, image }, options)
  const moved = planned.flatMap(({ label }) => movedPath(label, replaced))
  return { ...sent, digest: image.manifest.digest, models, warnings: [...warnings(base), ...moved] }
}

function movedPath({ name, path }: EmbeddedModel, replaced: readonly EmbeddedModel[]): readonly string[] {
  const before = replaced.find((model) => model.name === name)?.path ?? null
  return before === null || before === path ? [] : [`${name} is no longer found at ${before}`]
}

interface PlannedModel {
  readonly layers: readonly DerivedBlob[]
  readonly label: EmbeddedModel
}

async function planModel(
  store: Store,
  {
    session,
    model,
    before,
    others,
    view,
    base,
  }: {
    readonly session: Session
    readonly model: ModelToEmbed
    readonly before: EmbeddedModel | undefined
    readonly others: readonly EmbeddedModel[]
    readonly view: RootView
    readonly base: Image
  },
  options: CallOptions,
): Promise<PlannedModel> {
  const name = directoryName(model)
  const at = model.path ?? before?.path ?? undefined
  const { reference, number, version } = model
  const text = formatReference(reference)
  const marker = encodeMarker({ model: reference.name, digest: version.digest, number, reference: text })
  const placement = planPlacement({
    base: view,
    volumes: volumesOf(base.config),
    directory: `/models/${name}`,
    at,
    marker,
    others: others.flatMap((other) => [
      `/models/${other.name}`,
      ...(other.path === null ? [] : [other.path]),
    ]),
  })
  const recipes = [
    ...modelLayers({ files: version.files, directory: placement.directory, parents: placement.parents }),
    placement.recipe,
  ]
  const layers: DerivedBlob[] = []
  for (const recipe of recipes) layers.push(await deriveLayer(store, { session, recipe }, options))
  const label = {
    name,
    model: reference.name,
    digest: version.digest,
    number,
    reference: text,
    path: at ?? null,
    layers: layers.map(({ digest }) => digest),
  }
  return { layers, label }
}

async function rehashAll(store: Store, models: readonly ModelToEmbed[]): Promise<void> {
  for (const { version } of models) for (const file of version.files) await store.blobs.rehash(file)
}

/** Two models whose names end alike would take each other's place, path included. */
function refuseOtherModel(model: ModelToEmbed, replaced: readonly EmbeddedModel[]): void {
  const there = replaced.find(({ name }) => name === directoryName(model))
  if (there === undefined || there.model === model.reference.name) return
  throw new BallastError('CONFLICT', `the image holds the model ${there.model} at /models/${there.name}`, {
    hint: `give ${model.reference.name} a directory of its own: --as NAME`,
  })
}

/** The base's file system, without what Ballast put there. */
async function viewOf(
  store: Store,
  session: Session,
  {
    base,
    repository,
    former,
  }: {
    readonly base: Image
    readonly repository: ImageRepository
    readonly former: readonly EmbeddedModel[]
  },
  options: CallOptions,
): Promise<RootView> {
  const ours = former.flatMap(({ layers }) => layers)
  const layers = []
  // From the top, as they are taken out: the application may have the same layer of its own below.
  for (const [at, { digest, size }] of [...base.layers.entries()].reverse()) {
    const diffId = base.diffIds[at] as Digest
    const own = ours.indexOf(diffId)
    if (own >= 0) ours.splice(own, 1)
    else layers.unshift({ digest, size, diffId })
  }
  const inventories = []
  for (const layer of layers) {
    inventories.push(await readLayerInventory(store, session, { repository, layer }, options))
  }
  return mergeInventories(inventories)
}

function directoryName({ name, reference }: ModelToEmbed): string {
  return name ?? lastPart(reference.name)
}

async function publish(
  store: Store,
  {
    request,
    layers,
    image,
  }: {
    readonly request: EmbedRequest
    readonly layers: readonly DerivedBlob[]
    readonly image: AssembledImage
  },
  options: CallOptions,
): Promise<Pick<Embedded, 'layers' | 'bytesSent' | 'former'>> {
  const { repository, reference } = request.result
  const heldBy = request.base.repository
  const ofBase = image.kept.map(({ digest, size }): ImageBlob => {
    const item = `base layer ${shortDigest(digest)}`
    return { digest, size, item, heldBy, content: () => heldBy.openBlob({ digest, size }, options) }
  })
  const own = layers.map(({ digest, size, recipe }): ImageBlob => {
    const item = `model layer ${shortDigest(digest)}`
    const content = (): Content => layerContent(decodeRecipe(recipe), store.blobs.content)
    return { digest, size, item, heldBy, content }
  })
  const transferred = await transferBlobs(repository, [...ofBase, ...own], options)
  const { config, manifest } = image
  const hadConfig = await repository.hasBlob(config, options)
  if (!hadConfig) await repository.putBlob(config, bytesContent(config.bytes), options)
  const former = await replaceImage(repository, { tag: reference, manifest }, options)
  const sent = transferred.filter(({ how }) => how === 'sent').reduce((sum, { size }) => sum + size, 0)
  return {
    layers: transferred,
    former,
    bytesSent: sent + (hadConfig ? 0 : config.size) + manifest.bytes.length,
  }
}
