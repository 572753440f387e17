import { BallastError, type CallOptions, isDigest } from '../core/index.ts'
import { readImage } from '../embed/index.ts'
import {
  directoryOf,
  type EmbeddedModel,
  type Image,
  type ImageRepository,
  layersOf,
  readLabel,
} from '../oci/index.ts'
import type { RemoteFile } from '../sources/index.ts'
import type { Session, Store } from '../store/index.ts'
import { filesInArchive } from './remote-archives.ts'

export interface ModelInImage {
  readonly model: EmbeddedModel
  readonly image: Image
}

/**
 * A model that Ballast has embedded in an image: the only one, or the one of that name or directory. Throws REFUSED where
 * there is none, USAGE where it is not said which.
 */
export async function modelInImage(
  repository: ImageRepository,
  { reference, wanted }: { readonly reference: string; readonly wanted: string | undefined },
  options: CallOptions = {},
): Promise<ModelInImage> {
  const image = await readImage(repository, { reference }, options)
  const models = readLabel(image.config)
  const [only] = models
  const called = `${repository.name}${isDigest(reference) ? '@' : ':'}${reference}`
  if (only === undefined) {
    throw new BallastError('REFUSED', `${called} is an image in which Ballast has put no model`, {
      hint: `if there is one all the same: ballast capture ${called}:/PATH NAME`,
    })
  }
  const named = models.filter(({ name, model }) => name === wanted || model === wanted)
  const model = models.length === 1 ? only : named.length === 1 ? named[0] : undefined
  if (model !== undefined) return { model, image }
  throw new BallastError('USAGE', `${called} holds ${models.map((one) => one.model).join(', ')}`, {
    hint: `name one of them: ballast pull ${called} ${only.model}`,
  })
}

/** Its files, read where they are in the image's layers. What becomes of them has to be the version that the label names. */
export async function filesOfModel(
  store: Store,
  {
    session,
    repository,
    found: { model, image },
  }: { readonly session: Session; readonly repository: ImageRepository; readonly found: ModelInImage },
  options: CallOptions = {},
): Promise<readonly RemoteFile[]> {
  const root = `${directoryOf(model).replace(/^\//, '')}/`
  const files = new Map<string, RemoteFile>()
  for (const at of layersOf(image, [model])) {
    const layer = image.layers[at]
    // The last is the placement layer, which has links and no file of the model.
    if (layer === undefined || image.diffIds[at] === model.layers.at(-1)) continue
    const archive = { session, repository, blob: layer, item: `layer ${at + 1}`, isProven: true }
    for (const file of await filesInArchive(store, archive, options)) {
      const path = file.path.startsWith(root) ? file.path.slice(root.length) : ''
      if (path !== '' && !path.startsWith('.ballast/')) files.set(path, { ...file, path })
    }
  }
  return [...files.values()]
}
