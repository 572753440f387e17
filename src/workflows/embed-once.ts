import { type CallOptions, digestOf, hexOf } from '../core/index.ts'
import { type Engine, type ImageFacts, inspectImage } from '../docker/index.ts'
import { formatReference, splitReference } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { embed } from './embed.ts'
import type { ImageAccess } from './image-places.ts'
import type { PlacedModel } from './run-request.ts'

export interface EmbedOnce {
  readonly engine: Engine
  readonly access: ImageAccess
  /** `NAME:TAG`, and what the Engine says of it. */
  readonly base: string
  readonly facts: Pick<ImageFacts, 'id'>
  readonly models: readonly PlacedModel[]
}

export interface EmbeddedOnce {
  readonly image: string
  /** Whether it had to be made. */
  readonly isNew: boolean
  readonly bytesSent: number
  readonly warnings: readonly string[]
}

/** An image of the Engine that is named by what is in it, so that nothing is done twice. */
export async function embedOnce(
  store: Store,
  { engine, access, base, facts, models }: EmbedOnce,
  options: CallOptions = {},
): Promise<EmbeddedOnce> {
  const image = nameOfEmbedded(base, { facts, models })
  if ((await inspectImage(engine, image, options)) !== undefined)
    return { image, isNew: false, bytesSent: 0, warnings: [] }
  const wanted = models.map(({ resolved: { reference, number } }) => `${reference.name}:${number}`)
  const references = models.map(({ resolved: { reference } }) => formatReference(reference))
  const digests = models.map(({ resolved: { reference, version } }) => `${reference.name}@${version.digest}`)
  const embedAs = (refs: readonly string[]) => {
    const placed = refs.map((ref, at) => `${ref}=${models[at]?.path}`)
    const names = models.map(({ name }) => name)
    const request = { models: placed, names, image: `image:${base}`, result: `image:${image}`, access }
    return embed(store, request, options)
  }
  // The image remembers which tag was meant; where that has moved since, the version counts.
  const embedded = await embedAs(references)
  const holds = embedded.models.map(({ ref }) => ref)
  const { warnings, bytesSent } = wanted.every((ref) => holds.includes(ref))
    ? embedded
    : await embedAs(digests)
  return { image, isNew: true, bytesSent, warnings }
}

/** Of base, references, versions and paths. */
export function nameOfEmbedded(base: string, { facts, models }: Pick<EmbedOnce, 'facts' | 'models'>): string {
  const placed = models.map(({ resolved: { reference, version }, path }) => [
    formatReference(reference),
    version.digest,
    path,
  ])
  const key = hexOf(digestOf(JSON.stringify([facts.id, placed]))).slice(0, 12)
  return `${splitReference(base).name}:ballast-${key}`
}
