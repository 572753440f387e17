import { BallastError, type CallOptions, type Digest, oneLine } from '../core/index.ts'
import {
  assembleImage,
  directoryOf,
  type EmbeddedModel,
  type Image,
  type ImageRepository,
  type Inventory,
  readLabel,
} from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { baseLayers } from './base-files.ts'
import { readImage, readImages, readLayerInventory } from './base-image.ts'
import {
  type ImagePlace,
  type ImageToPublish,
  layerThere,
  type Published,
  publishImages,
  refuseIndex,
} from './publish.ts'

export interface LeaveOutRequest {
  readonly base: ImagePlace
  readonly result: ImagePlace
  /** Absolute; where the models are that are to be no part of the result, embedded or copied. */
  readonly paths: readonly string[]
}

export interface LeftOut extends Published {
  /** What the image's history says made the layers of copies that are gone. */
  readonly steps: readonly string[]
}

/**
 * The image without models: those that Ballast embedded, by its label, and those that a COPY line brought, by the layers
 * that hold nothing else. Everything else of it stays as it is. Throws REFUSED where a layer holds a model and other files.
 */
export async function leaveOut(
  store: Store,
  { base, result, paths }: LeaveOutRequest,
  options: CallOptions = {},
): Promise<LeftOut> {
  const there = await readImages(base.repository, base, options)
  refuseIndex(there, { base, result })
  await using session = await store.beginReading()
  const steps = new Set<string>()
  const images: ImageToPublish[] = []
  for (const { digest, image } of there.images) {
    const embedded = readLabel(image.config)
    const gone = embedded.filter((model) =>
      [model.path, directoryOf(model)].some((path) => path !== null && paths.includes(path)),
    )
    const copied = await copiesIn(store, session, { image, repository: base.repository, paths }, options)
    for (const { step } of copied) steps.add(step)
    const made = assembleImage({
      base: image,
      remove: [...gone, ...copied.map(({ layer }) => asModel(layer))],
      add: [],
      label: embedded.filter((model) => !gone.includes(model)),
    })
    const layers = made.layers.map((layer) => layerThere(layer, { of: 'base', in: base.repository }, options))
    images.push({ insteadOf: digest, image: made, layers })
  }
  const published = await publishImages(result, { index: there.index, images }, options)
  return { ...published, steps: [...steps] }
}

/** What made the layers that hold files at the paths, by the image's history; without those that Ballast put in. */
export async function copiedSteps(
  store: Store,
  { base, paths }: Pick<LeaveOutRequest, 'base' | 'paths'>,
  options: CallOptions = {},
): Promise<readonly string[]> {
  await using session = await store.beginReading()
  const image = await readImage(base.repository, base, options)
  const steps: string[] = []
  for (const layer of baseLayers(image)) {
    const place = { repository: base.repository, layer }
    const inventory = await readLayerInventory(store, session, place, options)
    if (filesOf(inventory, paths).below > 0) steps.push(layer.createdBy)
  }
  return steps
}

interface Copy {
  readonly layer: Digest
  readonly step: string
}

/** Directories on the way are no files: placement makes those that it needs. */
async function copiesIn(
  store: Store,
  session: Session,
  {
    image,
    repository,
    paths,
  }: {
    readonly image: Image
    readonly repository: ImageRepository
    readonly paths: readonly string[]
  },
  options: CallOptions,
): Promise<readonly Copy[]> {
  const copies: Copy[] = []
  for (const layer of baseLayers(image)) {
    const inventory = await readLayerInventory(store, session, { repository, layer }, options)
    const { below, beside } = filesOf(inventory, paths)
    if (below === 0) continue
    if (beside !== undefined) throw holdsMore({ path: paths[0] ?? '', step: layer.createdBy, beside })
    copies.push({ layer: layer.diffId, step: layer.createdBy })
  }
  return copies
}

function filesOf(
  { entries }: Inventory,
  paths: readonly string[],
): { readonly below: number; readonly beside: string | undefined } {
  const isBelow = (path: string): boolean => paths.some((at) => `/${path}`.startsWith(`${at}/`))
  const files = entries.filter(({ type }) => type !== 'directory')
  const below = files.filter(({ path }) => isBelow(path)).length
  return { below, beside: files.find(({ path }) => !isBelow(path))?.path }
}

/** Looked for from the top, as a placement layer is. */
function asModel(layer: Digest): EmbeddedModel {
  const nothing = { name: '', model: '', digest: layer, number: 0, reference: '', path: null }
  return { ...nothing, layers: [layer], position: 'top', realPath: false }
}

function holdsMore({
  path,
  step,
  beside,
}: {
  readonly path: string
  readonly step: string
  readonly beside: string
}): BallastError {
  const line = oneLine(step)
  return new BallastError(
    'REFUSED',
    `${path}: the layer that holds the model holds other files too, as /${beside} (${line || 'without history'})`,
    {
      hint: 'keep the model out of that line by naming its directory in .dockerignore, and build the image again',
    },
  )
}
