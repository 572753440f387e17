import { type CallOptions, type Digest, isBallastError } from '../core/index.ts'
import { numberOfTag, type Reference } from '../model/index.ts'
import { type EmbeddedModel, type Image, type ImageRepository, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { type BaseLayer, baseLayers } from './base-files.ts'
import { readImage } from './base-image.ts'
import { formerImages } from './former-images.ts'
import type { ImagePlace } from './publish.ts'

/** When the tag moved to another version, or, for a number or a digest, when the model's versions came. Milliseconds since 1970. */
export async function modelTimes(store: Store, { name, tag }: Reference): Promise<readonly number[]> {
  if (tag === undefined || numberOfTag(tag) !== undefined) {
    return (await store.records.listVersions(name)).map(({ time }) => Date.parse(time))
  }
  const moves = (await store.records.history(name, tag)).map(({ record }) => record)
  return moves
    .filter(({ digest }, at) => digest !== null && digest !== moves[at - 1]?.digest)
    .map(({ time }) => Date.parse(time))
}

/** What a base and the images that it joins tell about how the code changes. */
export interface CodeHistory {
  /** When each state of the code was made, by its config. Milliseconds since 1970; states without a credible time are left out. */
  readonly times: readonly number[]
  /** Of the base's layers, those that the last change of the code replaced; all of them where nothing tells. */
  readonly changed: readonly BaseLayer[]
  /** The models of the image that the result's tag points to now. */
  readonly models: readonly EmbeddedModel[]
}

/** Reads the image at the result's tag and its former ones (`<tag>.was-<n>`): at most 22 small requests. */
export async function readCodeHistory(
  base: Image,
  { repository, reference, platform }: ImagePlace & { readonly platform?: string | undefined },
  options: CallOptions = {},
): Promise<CodeHistory> {
  const former = (await formerImages(repository, reference, options)).map(({ tag }) => tag)
  const images: Image[] = []
  let models: readonly EmbeddedModel[] = []
  for (const tag of [...former, reference]) {
    const image = await readImageIfUsable(repository, { reference: tag, platform }, options)
    if (image === undefined) continue
    images.push(image)
    if (tag === reference) models = readLabel(image.config)
  }
  const layers = baseLayers(base)
  const states = new Map([...images, base].map((image) => [stateOf(baseLayers(image)), image]))
  const times = [...states.values()].flatMap(createdAt)
  const before = images.map(baseLayers).findLast((other) => stateOf(other) !== stateOf(layers))
  return { times, changed: before === undefined ? layers : changedLayers(before, layers), models }
}

/** Undefined where there is none, and for what cannot be compared: an image of another platform, a foreign label. */
async function readImageIfUsable(
  repository: ImageRepository,
  wanted: { readonly reference: string; readonly platform: string | undefined },
  options: CallOptions,
): Promise<Image | undefined> {
  try {
    const image = await readImage(repository, wanted, options)
    readLabel(image.config)
    return image
  } catch (error) {
    if (isBallastError(error) && ['NOT_FOUND', 'REFUSED', 'DAMAGED'].includes(error.code)) return undefined
    throw error
  }
}

function stateOf(layers: readonly BaseLayer[]): string {
  return layers.map(({ diffId }): Digest => diffId).join()
}

/** Builders that want reproducible images write the epoch. */
const EARLIEST_MS = Date.parse('2000-01-01T00:00:00Z')

function createdAt({ config }: Image): readonly number[] {
  const time = typeof config.created === 'string' ? Date.parse(config.created) : Number.NaN
  return time >= EARLIEST_MS ? [time] : []
}

/** Those above what both have in common at the bottom. */
function changedLayers(before: readonly BaseLayer[], layers: readonly BaseLayer[]): readonly BaseLayer[] {
  const first = layers.findIndex(({ diffId }, at) => before[at]?.diffId !== diffId)
  return first < 0 ? [] : layers.slice(first)
}
