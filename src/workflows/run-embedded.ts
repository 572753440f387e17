import { BallastError, type CallOptions, digestOf, hexOf } from '../core/index.ts'
import { type ImageFacts, imageFacts } from '../docker/index.ts'
import { formatReference, splitReference } from '../model/index.ts'
import { embed } from './embed.ts'
import { type PlacedModel, type Prepared, type RunWork, withTag } from './run-request.ts'

/** The models become layers of an image of their own, which is made once. */
export async function runEmbedded(
  { store, engine, request, parsed, facts, models }: RunWork,
  options: CallOptions,
): Promise<Prepared> {
  if (facts === undefined) {
    throw new BallastError('NOT_FOUND', `the Engine has no image ${parsed.image} to embed the model into`, {
      hint: `pull it first: docker pull ${parsed.image}; what there is: docker image ls`,
    })
  }
  const base = nameOfImage(parsed.image, facts)
  const result = `${splitReference(base).name}:ballast-${keyOf(facts, models)}`
  const args = ['run', ...request.args]
  args[1 + parsed.imageAt] = result
  // The name tells base, versions and paths, so an image that has it is the one that is wanted.
  if ((await imageFacts(engine, result, options)) !== undefined) return { args, image: result, warnings: [] }
  const wanted = models.map(({ resolved: { reference, number } }) => `${reference.name}:${number}`)
  const references = models.map(({ resolved: { reference } }) => formatReference(reference))
  const digests = models.map(({ resolved: { reference, version } }) => `${reference.name}@${version.digest}`)
  const embedAs = (refs: readonly string[]) => {
    const { access } = request
    const placed = refs.map((ref, at) => `${ref}=${models[at]?.path}`)
    return embed(
      store,
      { models: placed, image: `image:${base}`, result: `image:${result}`, access },
      options,
    )
  }
  // The image remembers which tag was meant; where that has moved since, the version counts.
  const embedded = await embedAs(references)
  const holds = embedded.models.map(({ ref }) => ref)
  const { warnings } = wanted.every((ref) => holds.includes(ref)) ? embedded : await embedAs(digests)
  return { args, image: result, warnings }
}

/** An image may be run by its id, from which no name for the result can be made. */
function nameOfImage(image: string, { id, names }: ImageFacts): string {
  const hex = image.replace(/^sha256:/, '')
  if (!/^[0-9a-f]{4,64}$/.test(hex) || !hexOf(id).startsWith(hex)) return withTag(image)
  const [name] = names
  if (name !== undefined) return name
  throw new BallastError('USAGE', `the image ${image} has no name, and the one with the model needs one`, {
    hint: `name it (docker tag ${image} NAME), and run that`,
  })
}

function keyOf({ id }: ImageFacts, models: readonly PlacedModel[]): string {
  const placed = models.map(({ resolved: { reference, version }, path }) => [
    formatReference(reference),
    version.digest,
    path,
  ])
  return hexOf(digestOf(JSON.stringify([id, placed]))).slice(0, 12)
}
