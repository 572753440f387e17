import type { CallOptions, Digest } from '../core/index.ts'
import { formatImageReference, rebase as rebaseImage, type Transferred } from '../embed/index.ts'
import type { Store } from '../store/index.ts'
import { type PlaceIn, placeIn } from './embed.ts'
import { type ImageAccess, isSameRepository, type OpenedImage, openImage } from './image-places.ts'

export interface RebaseResult {
  readonly image: string
  /** The same as other verbs take it. */
  readonly operand: string
  readonly digest: Digest
  /** What the image holds, where, and where its layers lie among the image's. */
  readonly models: readonly PlaceIn[]
  /** `linux/amd64`, of each image that was made. */
  readonly platforms: readonly string[]
  readonly layers: readonly Transferred[]
  readonly bytesSent: number
  readonly former: string | undefined
  readonly ms: number
  readonly warnings: readonly string[]
}

export interface RebaseRequest {
  /** Holds the models. */
  readonly image: string
  /** A newer build of the application. */
  readonly base: string
  /** What the result is called. */
  readonly result: string
  readonly platform?: string | undefined
  readonly access: ImageAccess
}

/** The models of one image come to lie in another, without being read. Throws what opening and `rebase` throw. */
export async function rebase(
  store: Store,
  { image, base, result, platform, access }: RebaseRequest,
  options: CallOptions = {},
): Promise<RebaseResult> {
  const started = performance.now()
  const opened: OpenedImage[] = []
  const open = async (text: string, create?: { readonly base: OpenedImage }): Promise<OpenedImage> => {
    const place = await openImage(text, access, {
      direct: isSameRepository(text, result),
      store,
      ...(create && { create: true, base: create.base.image }),
    })
    opened.push(place)
    return place
  }
  try {
    const below = await open(base)
    const from = await open(image)
    const target = await open(result, { base: below })
    const made = await rebaseImage(
      store,
      { image: from, base: { ...below, platform }, result: target },
      options,
    )
    const { digest, platforms, layers, bytesSent, former, warnings } = made
    const name = formatImageReference(target.image)
    return {
      image: name,
      operand: target.image.kind === 'engine' ? `image:${name}` : name,
      ...{ digest, models: made.models.map(placeIn), platforms, layers, bytesSent, former, warnings },
      ms: Math.round(performance.now() - started),
    }
  } finally {
    for (const { repository } of opened.toReversed()) await repository.close?.()
  }
}
