import { BallastError, type CallOptions, hexOf } from '../core/index.ts'
import type { ImageFacts } from '../docker/index.ts'
import { embedOnce } from './embed-once.ts'
import { type Prepared, type RunWork, withTag } from './run-request.ts'

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
  const { access } = request
  const { image, warnings } = await embedOnce(store, { engine, access, base, facts, models }, options)
  const args = ['run', ...request.args]
  args[1 + parsed.imageAt] = image
  return { args, image, warnings }
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
