import { BallastError, type CallOptions } from '../core/index.ts'
import { blobsOfVersion } from '../model/index.ts'
import { type EmbeddedModel, readLabel } from '../oci/index.ts'
import type { Session, Store } from '../store/index.ts'
import { readBaseFiles } from './base-files.ts'
import { type ImageOfPlatform, readImages } from './base-image.ts'
import { carryOver } from './carry-over.ts'
import { nameOfImage } from './former-images.ts'
import { type ImagePlace, type Published, publishImages, refuseIndex } from './publish.ts'
import { type ImageWithModels, type PlacedModel, withModels } from './with-models.ts'

export interface RebaseRequest {
  /** Holds the models. */
  readonly image: ImagePlace
  /** What they are to lie in: a newer build of the application. */
  readonly base: ImagePlace & { readonly platform?: string | undefined }
  readonly result: ImagePlace
}

export interface Rebased extends Published {
  readonly models: readonly EmbeddedModel[]
  /** `linux/amd64`, of each image that was made. */
  readonly platforms: readonly string[]
}

/**
 * The models of an image in another base, at their paths and positions: by the layers that they have, which are not read,
 * as long as the directories above them are the same in both; else made anew from the store's version. Throws NOT_FOUND for
 * an image without models and for a version that is needed and not in the store, REFUSED where the base would hide one.
 */
export async function rebase(
  store: Store,
  { image: from, base, result }: RebaseRequest,
  options: CallOptions = {},
): Promise<Rebased> {
  const there = await readImages(base.repository, base, options)
  refuseIndex(there, { base, result })
  const { images } = await readImages(from.repository, from, options)
  await using session = await store.beginReading()
  const made: ImageWithModels[] = []
  for (const of of there.images) {
    const image = images.find(({ platform }) => platform === of.platform) ?? images[0]
    made.push(await rebaseImage(store, { session, of, image, from, base, result }, options))
  }
  const published = await publishImages(result, { index: there.index, images: made }, options)
  return {
    ...published,
    models: made[0]?.models ?? [],
    platforms: there.images.map(({ platform }) => platform),
    warnings: [...new Set([...made.flatMap(({ warnings }) => warnings), ...published.warnings])],
  }
}

interface RebaseImage extends Omit<RebaseRequest, 'image'> {
  readonly session: Session
  readonly of: ImageOfPlatform
  readonly image: ImageOfPlatform
  readonly from: ImagePlace
}

async function rebaseImage(
  store: Store,
  { session, of, image: { image }, from, base, result }: RebaseImage,
  options: CallOptions,
): Promise<ImageWithModels> {
  const models = readLabel(image.config)
  if (models.length === 0) throw noModels(from)
  const names = models.map(({ name }) => name)
  const there = readLabel(of.image.config)
  const kept = there.filter(({ name }) => !names.includes(name))
  const replaced = there.filter(({ name }) => names.includes(name))
  const read = (place: ImagePlace, of: ImageOfPlatform['image']) =>
    readBaseFiles(store, session, { image: of, repository: place.repository }, options)
  const former = { image, base: await read(from, image), repository: from.repository }
  const next = { image: of.image, base: await read(base, of.image), repository: base.repository }
  const placed: PlacedModel[] = []
  for (const model of models) {
    await leaseWhatIsThere(store, session, model)
    const others = [...kept, ...placed.map(({ label }) => label)]
    placed.push(await carryOver(store, { session, model, former, next, others }, options))
  }
  return withModels(
    { of, from: base.repository, target: result.repository },
    { replaced, kept, placed },
    options,
  )
}

async function leaseWhatIsThere(store: Store, session: Session, { digest }: EmbeddedModel): Promise<void> {
  await session.lease([digest])
  if ((await store.blobs.stat(digest)) === undefined) return
  await session.lease(blobsOfVersion(await store.readVersion(digest)))
}

function noModels({ repository, reference }: ImagePlace): BallastError {
  const name = nameOfImage(repository, reference)
  return new BallastError('NOT_FOUND', `${name} holds no model that Ballast has embedded`, {
    hint: `to embed one in an image: ballast embed REF=PATH IMAGE -t ${name}`,
  })
}
