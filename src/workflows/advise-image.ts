import { type Known, measured } from '../advise/index.ts'
import { BallastError, type CallOptions } from '../core/index.ts'
import { type ImageStep, imageFacts } from '../docker/index.ts'
import { baseLayers, parseImageReference, readCodeHistory, readImage } from '../embed/index.ts'
import { objectOf } from '../model/index.ts'
import { historyLine, type Image, layersOf, MODELS_LABEL, readLabel } from '../oci/index.ts'
import { rateOf } from './advise-model.ts'
import { withEngine } from './engine-access.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { factsOfSteps, type StepFacts } from './image-steps.ts'

export interface FactsOfImageRequest {
  readonly image: string
  readonly access: ImageAccess
  /** Of the model, to tell its copy from other steps. */
  readonly modelBytes: number | undefined
  /** Where the application has it. */
  readonly path: string | undefined
  /** Milliseconds since 1970. */
  readonly now?: number
}

/**
 * What an image says about size and pace of the code. Of an Engine's image from what the Engine tells, without reading
 * it; of others from manifest and config. Throws NOT_FOUND for an image that is not there, and what reaching it throws.
 */
export async function factsOfImage(
  request: FactsOfImageRequest,
  options: CallOptions = {},
): Promise<StepFacts> {
  const image = parseImageReference(request.image)
  if (image.kind !== 'engine') return factsOfRepository(request, options)
  const { access } = request
  const name = `${image.name}${image.reference.startsWith('sha256:') ? '@' : ':'}${image.reference}`
  const facts = await withEngine(access.engine ?? { dockerConfig: access.dockerConfig }, (engine) =>
    imageFacts(engine, name, options),
  )
  if (facts === undefined) {
    throw new BallastError('NOT_FOUND', `the Engine has no image ${name}`, {
      hint: 'build it first, or leave --image out and give --image-size',
    })
  }
  // Ballast's own layers have no line in a Dockerfile.
  const isBallast = ({ step }: ImageStep): boolean =>
    facts.labels[MODELS_LABEL] !== undefined && /ballast/i.test(step)
  return factsOfSteps(
    facts.steps.filter((step) => !isBallast(step)),
    { ...request, name },
  )
}

async function factsOfRepository(
  { image: name, access, modelBytes, path, now = Date.now() }: FactsOfImageRequest,
  options: CallOptions,
): Promise<StepFacts> {
  const opened = await openImage(name, access)
  try {
    const image = await readImage(opened.repository, opened, options)
    const code = await readCodeHistory(image, opened, options)
    const { known, copies } = factsOfSteps(stepsOf(image), { modelBytes, path, name })
    const rate = rateOf(code.times, now)
    return {
      known: { ...known, ...changedBy(code.changed, image), ...(rate && { codeUpdates: rate }) },
      copies,
    }
  } finally {
    await opened.repository.close?.()
  }
}

/** The history of the tag knows better than the look of the steps. */
function changedBy(changed: readonly { readonly size: number }[], image: Image): Known {
  if (changed.length === baseLayers(image).length) return {}
  return { codeBytes: measured(sizeOf(changed), 'the last change of the image') }
}

/** What made the layers that are not Ballast's, with lines that make none, such as WORKDIR, where they stand. */
function stepsOf(image: Image): readonly ImageStep[] {
  const own = layersOf(image, readLabel(image.config))
  const { history } = image.config
  const entries = Array.isArray(history) ? history.map((entry) => objectOf(entry)) : []
  if (entries.filter((entry) => entry.empty_layer !== true).length !== image.layers.length) {
    return baseLayers(image).map(({ size }) => ({ step: '', bytes: size, created: 0 }))
  }
  let at = -1
  return entries.flatMap((entry) => {
    if (entry.empty_layer !== true) at++
    if (entry.empty_layer !== true && own.has(at)) return []
    const bytes = entry.empty_layer === true ? 0 : (image.layers[at]?.size ?? 0)
    const created = Date.parse(String(entry.created ?? '')) || 0
    return [{ step: historyLine(String(entry.created_by ?? '')), bytes, created }]
  })
}

function sizeOf(layers: readonly { readonly size: number }[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0)
}
