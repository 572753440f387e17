import { BallastError, type CallOptions, type Digest } from '../core/index.ts'
import {
  embed as embedModels,
  formatImageReference,
  type ModelToEmbed,
  type Pricing,
  type Transferred,
} from '../embed/index.ts'
import { directoryOf, type EmbeddedModel, type Position, type RunningContainer } from '../oci/index.ts'
import { isLoopback } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { bringModel } from './bring-model.ts'
import { type ImageAccess, isSameRepository, type OpenedImage, openImage } from './image-places.ts'
import { splitModelPath } from './model-path.ts'
import { recordUse } from './record-use.ts'
import { damageOf, type ResolvedVersion, resolveVersion } from './resolve.ts'
import { rememberTime } from './run-times.ts'

export interface EmbedImageRequest {
  /** `REF` or `REF=PATH`; what is elsewhere is brought into the store first. */
  readonly models: readonly string[]
  readonly image: string
  /** What the result is called; the base's own name replaces it. */
  readonly result: string
  /** PATH for a single model. */
  readonly at?: string | undefined
  /** The directory's name below `/models`, for a single model. */
  readonly as?: string | undefined
  /** The same for several, in their order; undefined where it is the model's own. */
  readonly names?: readonly (string | undefined)[] | undefined
  readonly platform?: string | undefined
  /** The files at PATH itself instead of a link. */
  readonly realPath?: boolean | undefined
  /** Of all the models named; undefined keeps that of a former embed. */
  readonly position?: ModelToEmbed['position']
}

export interface EmbedImageResult {
  readonly image: string
  readonly digest: Digest
  /** What the image holds: `sentiment:3`, where, and where its layers lie among the image's. */
  readonly models: readonly PlaceIn[]
  /** How `auto` chose the position, by model. */
  readonly pricing: readonly Pricing[]
  readonly layers: readonly Transferred[]
  readonly bytesSent: number
  readonly former: string | undefined
  /** In an Engine: running containers that still have the former image. */
  readonly runningFormer: readonly RunningContainer[]
  /** In an Engine: the command that brings the same image into a registry, layers as they are. */
  readonly toRegistry: string | undefined
  /** `linux/amd64`, of each image that was made. */
  readonly platforms: readonly string[]
  readonly ms: number
  readonly warnings: readonly string[]
}

export interface PlaceIn {
  readonly ref: string
  readonly path: string
  readonly position: Position
}

/** Models become layers of an image. Throws what resolving, reading the base, placing and sending throw. */
export async function embed(
  store: Store,
  request: EmbedImageRequest & { readonly access: ImageAccess },
  options: CallOptions = {},
): Promise<EmbedImageResult> {
  const started = performance.now()
  const single = request.models.length === 1
  if (!single && (request.at !== undefined || request.as !== undefined)) {
    throw new BallastError('USAGE', '--at and --as are for one model', {
      hint: 'write REF=PATH for each model',
    })
  }
  const models: ModelToEmbed[] = []
  for (const [index, text] of request.models.entries()) {
    const { ref, path } = splitModelPath(text)
    const { at, realPath, position } = request
    const name = request.as ?? request.names?.[index]
    const own = await bringModel(store, { ref, access: request.access }, options)
    models.push({ ...(await resolveVersion(store, own)), path: path ?? at, name, realPath, position })
  }
  const direct = isSameRepository(request.image, request.result)
  const base = await openImage(request.image, request.access, { direct, store })
  let result: OpenedImage | undefined
  try {
    result = await openImage(request.result, request.access, { create: true, base: base.image, store })
    const embedded = await embedModels(
      store,
      { models, base: { ...base, platform: request.platform }, result },
      options,
    )
    const ms = performance.now() - started
    await rememberEmbed(store, { result, bytes: embedded.bytesSent, seconds: ms / 1000 })
    const image = formatImageReference(result.image)
    const noted = await recordAll(store, models, image)
    return {
      ...embedded,
      warnings: [...embedded.warnings, ...noted],
      image,
      toRegistry: result.image.kind === 'engine' ? toRegistry(request, result.image) : undefined,
      models: embedded.models.map(placeIn),
      ms: Math.round(ms),
    }
  } catch (error) {
    throw (await damageOf(store, models)) ?? error
  } finally {
    await result?.repository.close?.()
    await base.repository.close?.()
  }
}

async function recordAll(
  store: Store,
  models: readonly ResolvedVersion[],
  image: string,
): Promise<readonly string[]> {
  const warnings: string[] = []
  for (const model of models) {
    const place = { kind: 'image', place: image, link: model.reference.name } as const
    warnings.push(...(await recordUse(store, model, place)))
  }
  return warnings
}

/** What an image's label says of a model, for people. */
export function placeIn(model: EmbeddedModel): PlaceIn {
  return {
    ref: `${model.model}:${model.number}`,
    path: model.path ?? directoryOf(model),
    position: model.position,
  }
}

/** Layouts and archives are no step of any way. */
async function rememberEmbed(
  store: Store,
  { result, ...took }: { readonly result: OpenedImage; readonly bytes: number; readonly seconds: number },
): Promise<void> {
  const { image, repository } = result
  if (image.kind === 'registry') {
    await rememberTime(store, { step: 'upload', ...took, overNetwork: !isLoopback(image.host) })
  } else if (image.kind === 'engine') {
    await rememberTime(store, {
      step: 'load',
      ...took,
      overNetwork: !repository.scope.startsWith('engine:unix:'),
    })
  }
}

function toRegistry(
  { models, image, at, as }: EmbedImageRequest,
  result: { readonly name: string; readonly reference: string },
): string {
  const named = [...(at === undefined ? [] : [`--at ${at}`]), ...(as === undefined ? [] : [`--as ${as}`])]
  const target = `-t REGISTRY/${result.name}:${result.reference}`
  return ['ballast embed', ...models, image, target, ...named].join(' ')
}
