import { type CallOptions, isBallastError } from '../core/index.ts'
import { blobsOfFiles, formatReference } from '../model/index.ts'
import type { EmbeddedModel, RunningContainer, WholeImages } from '../oci/index.ts'
import { leaseVersion, type Session, type Store } from '../store/index.ts'
import { readImages } from './base-image.ts'
import type { Pricing } from './choose-position.ts'
import { createEarlyUploads } from './early-uploads.ts'
import { embedInImage } from './embed-in-image.ts'
import { nameOfImage } from './former-images.ts'
import type { ModelToEmbed } from './plan.ts'
import { type ImagePlace, type Published, publishImages, refuseIndex } from './publish.ts'

export interface EmbedRequest {
  readonly models: readonly ModelToEmbed[]
  readonly base: ImagePlace & { readonly platform?: string | undefined }
  readonly result: ImagePlace
}

/** Not in `bytesSent`: a layer that began to be sent before its digest was known and turned out to be there. */
export interface Embedded extends Published {
  /** In an Engine: running containers that still have the former image. */
  readonly runningFormer: readonly RunningContainer[]
  /** What the image holds now, models of former embeds included; of several platforms, the first. */
  readonly models: readonly EmbeddedModel[]
  /** How the position was chosen, of each model for which that was left open; of several platforms, in the first. */
  readonly pricing: readonly Pricing[]
  /** `linux/amd64`, of each image that was made. */
  readonly platforms: readonly string[]
}

/**
 * Adds models to an image as layers, in the place of former versions of the same models, and publishes the result
 * (design, "Embed"); to all images of an index alike, unless a platform is named. Everything else of the base stays as it
 * is. Throws REFUSED when placement would hide something.
 */
export async function embed(
  store: Store,
  request: EmbedRequest,
  options: CallOptions = {},
): Promise<Embedded> {
  await using session = await store.beginReading()
  for (const { version, reference } of request.models) {
    await leaseVersion(store, session, { version, name: formatReference(reference) })
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
  const { base, result, models } = request
  const there = await readImages(base.repository, base, options)
  refuseIndex(there, request)
  await using early = createEarlyUploads(result.repository, { from: base.repository }, options)
  const command = commandOf(request)
  const made: Awaited<ReturnType<typeof embedInImage>>[] = []
  for (const of of there.images) {
    made.push(await embedInImage(store, { session, of, models, base, result, command, early }, options))
  }
  const published = await publishImages(result, { index: there.index, images: made }, options)
  const [first] = made
  const { whole } = result.repository
  return {
    ...published,
    runningFormer: await runningFrom(whole, { tag: published.former }, options),
    models: first?.models ?? [],
    pricing: first?.pricing ?? [],
    platforms: there.images.map(({ platform }) => platform),
    warnings: [...new Set([...made.flatMap(({ warnings }) => warnings), ...published.warnings])],
  }
}

async function rehashAll(store: Store, models: readonly ModelToEmbed[]): Promise<void> {
  for (const { version } of models)
    for (const blob of blobsOfFiles(version.files)) await store.blobs.rehash(blob)
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

async function runningFrom(
  whole: WholeImages | undefined,
  { tag }: { readonly tag: string | undefined },
  options: CallOptions,
): Promise<readonly RunningContainer[]> {
  const id = tag === undefined ? undefined : await whole?.find(tag, options)
  return id === undefined ? [] : ((await whole?.runningFrom(id, options)) ?? [])
}
