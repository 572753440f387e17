import { isBallastError, verified } from '../core/index.ts'
import { readImages } from '../embed/index.ts'
import { directoryOf, readLabel } from '../oci/index.ts'
import type { Store } from '../store/index.ts'
import { notEmbedded } from './check-embedded.ts'
import type { CheckOptions, CheckResult } from './check-target.ts'
import { type ImageAccess, openImage } from './image-places.ts'
import { staleness } from './staleness.ts'

/** Of an image in a registry, a layout or an archive: its layers are there, and with `full` are what they are called. */
export async function checkLayers(
  store: Store,
  { operand, image: name }: { readonly operand: string; readonly image: string },
  { access, full = false, ...options }: CheckOptions & { readonly access: ImageAccess },
): Promise<readonly CheckResult[]> {
  const { repository, reference } = await openImage(name, access)
  const { images } = await readImages(repository, { reference }, options)
  const models = images.flatMap((of) => readLabel(of.image.config).map((model) => ({ ...of, model })))
  if (models.length === 0) return [notEmbedded(operand)]
  const results: CheckResult[] = []
  for (const { image, platform, model } of models) {
    const faults: string[] = []
    for (const diffId of model.layers) {
      const layer = image.layers[image.diffIds.indexOf(diffId)]
      if (layer === undefined) faults.push(`the layer ${diffId} is not part of the image`)
      else if (!(await repository.hasBlob(layer, options)))
        faults.push(`the layer ${layer.digest} is missing`)
      else if (full) {
        const fault = await faultOf(verified(repository.openBlob(layer, options).open(), layer))
        if (fault !== undefined) faults.push(fault)
      }
    }
    results.push({
      operand: `${operand}:${model.path ?? directoryOf(model)}`,
      version: `${model.model}:${model.number}`,
      digest: model.digest,
      faults,
      extra: [],
      mend:
        faults.length === 0 ? undefined : `embed it again: ballast embed ${model.reference} IMAGE -t ${name}`,
      ...(await staleness(store, model)),
      notes: [images.length === 1 ? 'embedded in the image' : `embedded in the image for ${platform}`],
    })
  }
  return results
}

async function faultOf(chunks: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  try {
    for await (const _ of chunks) {
      // Only the verification is wanted.
    }
    return undefined
  } catch (error) {
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return error.message
    throw error
  }
}
