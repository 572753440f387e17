import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  type Digest,
  isBallastError,
  shortDigest,
} from '../core/index.ts'
import { blobsOfFiles, blobsOfVersion, formatReference } from '../model/index.ts'
import {
  type AddedLayer,
  type AssembledImage,
  assembleImage,
  decodeRecipe,
  directoryOf,
  type EmbeddedModel,
  type ImageRepository,
  layerContent,
  type Position,
  type RunningContainer,
  readLabel,
  type WholeImages,
  warnings,
} from '../oci/index.ts'
import type { DerivedBlob, Session, Store } from '../store/index.ts'
import { readBaseFiles } from './base-files.ts'
import { readImage } from './base-image.ts'
import { type Pricing, positionOf } from './choose-position.ts'
import { createEarlyUploads, type EarlyUploads } from './early-uploads.ts'
import { idOf, nameOfImage, replaceImage } from './former-images.ts'
import { type ModelToEmbed, nameOf, type PlannedModel, planModel } from './plan.ts'
import { type ImageBlob, type Transferred, transferBlobs } from './transfer.ts'

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
  /** Of the manifest; in an Engine the image's id. */
  readonly digest: Digest
  readonly layers: readonly Transferred[]
  /**
   * Of layers, config and manifest, as far as they were sent. Not of a layer that began to be sent before its digest was
   * known and turned out to be there.
   */
  readonly bytesSent: number
  /** The tag that the former image got, where there was one. */
  readonly former: string | undefined
  /** In an Engine: running containers that still have the former image. */
  readonly runningFormer: readonly RunningContainer[]
  /** What the image holds now, models of former embeds included. */
  readonly models: readonly EmbeddedModel[]
  /** How the position was chosen, of each model for which that was left open. */
  readonly pricing: readonly Pricing[]
  readonly warnings: readonly string[]
}

/**
 * Adds models to an image as layers, in the place of former versions of the same models, and publishes the result
 * (design, "Embed"). Everything else of the base stays as it is. Throws REFUSED when placement would hide something.
 */
export async function embed(
  store: Store,
  request: EmbedRequest,
  options: CallOptions = {},
): Promise<Embedded> {
  await using session = await store.beginReading()
  for (const { version } of request.models) {
    await session.lease(blobsOfVersion(version))
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
  const image = await readImage(request.base.repository, request.base, options)
  const former = readLabel(image.config)
  const names = request.models.map(nameOf)
  const replaced = former.filter(({ name }) => names.includes(name))
  for (const model of request.models) refuseOtherModel(model, replaced)
  const kept = former.filter(({ name }) => !names.includes(name))
  const base = await readBaseFiles(store, session, { image, repository: request.base.repository }, options)
  const { base: from, result: target } = request
  await using early = createEarlyUploads(target.repository, { from: from.repository }, options)
  const placed: PlacedModel[] = []
  const pricing: Pricing[] = []
  for (const model of request.models) {
    const before = replaced.find(({ name }) => name === nameOf(model))
    const others = [...kept, ...placed.map(({ label }) => label)]
    // The layers of a version that the base has are there, or can be mounted.
    const there = before?.digest === model.version.digest && from.repository.scope === target.repository.scope
    const plan = {
      ...{ session, model, before, others, image, base },
      ...{ command: commandOf(request), early: there ? undefined : early },
    }
    const planned = await planModel(store, plan, options)
    const choice = { model, planned, before, image, base, result: request.result, now: Date.now() }
    const chosen = await positionOf(store, choice, options)
    placed.push({ planned, position: chosen.position, label: planned.label(chosen.position) })
    if (chosen.pricing !== undefined) pricing.push(chosen.pricing)
  }
  const models = [...kept, ...placed.map(({ label }) => label)]
  const assembled = assembleImage({
    base: image,
    remove: replaced,
    add: placed.flatMap(addedLayers),
    label: models,
  })
  const own = placed.flatMap(({ planned }) => [...planned.files, planned.placement])
  const sent = await publish(store, { request, own, image: assembled, early }, options)
  const moved = placed.flatMap(({ label }) => movedPath(label, replaced))
  const { whole } = request.result.repository
  // Loaded as `docker save` has them, images lose nothing.
  const lost = whole === undefined ? warnings(image) : []
  return { ...sent, models, pricing, warnings: [...lost, ...moved] }
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

async function rehashAll(store: Store, models: readonly ModelToEmbed[]): Promise<void> {
  for (const { version } of models)
    for (const blob of blobsOfFiles(version.files)) await store.blobs.rehash(blob)
}

/** Two models whose names end alike would take each other's place, path included. */
function refuseOtherModel(model: ModelToEmbed, replaced: readonly EmbeddedModel[]): void {
  const there = replaced.find(({ name }) => name === nameOf(model))
  if (there === undefined || there.model === model.reference.name) return
  throw new BallastError('CONFLICT', `the image holds the model ${there.model} at ${directoryOf(there)}`, {
    hint: `give ${model.reference.name} a directory of its own: --as NAME`,
  })
}

/** What the user ran, for a hint: it is run again once the base has been mended. */
function commandOf({ models, base, result }: EmbedRequest): string {
  const [first] = models
  return [
    'ballast embed',
    ...models.map(
      ({ reference, path }) => `${formatReference(reference)}${path === undefined ? '' : `=${path}`}`,
    ),
    nameOfImage(base.repository, base.reference),
    `-t ${nameOfImage(result.repository, result.reference)}`,
    ...(first?.name === undefined ? [] : [`--as ${first.name}`]),
    ...(first?.realPath === true ? ['--real-path'] : []),
    ...(first?.position === undefined ? [] : [`--position ${first.position}`]),
    ...(base.platform === undefined ? [] : [`--platform ${base.platform}`]),
  ].join(' ')
}

async function publish(
  store: Store,
  {
    request,
    own,
    image,
    early,
  }: {
    readonly request: EmbedRequest
    readonly own: readonly DerivedBlob[]
    readonly image: AssembledImage
    readonly early: EarlyUploads
  },
  options: CallOptions,
): Promise<Pick<Embedded, 'digest' | 'layers' | 'bytesSent' | 'former' | 'runningFormer'>> {
  const { repository, reference } = request.result
  const heldBy = request.base.repository
  const made = new Map(own.map((layer) => [layer.digest, layer]))
  const blobs = image.layers.map(({ digest, size }): ImageBlob => {
    const recipe = made.get(digest)?.recipe
    const item = `${recipe === undefined ? 'base' : 'model'} layer ${shortDigest(digest)}`
    const content = (): Content =>
      recipe === undefined
        ? heldBy.openBlob({ digest, size }, options)
        : layerContent(decodeRecipe(recipe), store.fileContent)
    return { digest, size, item, heldBy, content, early: early.of(digest) }
  })
  const { whole } = repository
  const layers = blobs.map(({ digest, size }, at) => ({ digest, size, diffId: image.diffIds[at] as Digest }))
  await whole?.begin({ manifest: image.manifest, layers }, options)
  const { config, manifest } = image
  const configBlob = {
    ...config,
    item: 'config',
    heldBy: undefined,
    content: () => bytesContent(config.bytes),
  }
  const transferred = await transferBlobs(repository, [...blobs, configBlob], options)
  const hadConfig = transferred.at(-1)?.how !== 'sent'
  const former = await replaceImage(repository, { tag: reference, manifest }, options)
  const sent = transferred.filter(({ how }) => how === 'sent').reduce((sum, { size }) => sum + size, 0)
  return {
    digest: await idOf(repository, manifest),
    layers: transferred.slice(0, -1),
    former,
    runningFormer: await runningFrom(whole, { tag: former }, options),
    // Of a whole image that is there already, no more than the tag is set.
    bytesSent: sent + (hadConfig && whole ? 0 : manifest.bytes.length),
  }
}

async function runningFrom(
  whole: WholeImages | undefined,
  { tag }: { readonly tag: string | undefined },
  options: CallOptions,
): Promise<readonly RunningContainer[]> {
  const id = tag === undefined ? undefined : await whole?.find(tag, options)
  return id === undefined ? [] : ((await whole?.runningFrom(id, options)) ?? [])
}
