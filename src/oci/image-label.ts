import { BallastError, type Digest, isDigest } from '../core/index.ts'
import { type Json, objectOf, parseJson } from '../model/index.ts'

/** The label of an image's config that says which models Ballast put in, and by which layers. */
export const MODELS_LABEL = 'dev.ballast.models'

/** Where the layers of a model's files lie: above the base's, or below them (design, "Position"). */
export type Position = 'top' | 'bottom'

/** One model in an image. */
export interface EmbeddedModel {
  /** The directory's name below `/models`. */
  readonly name: string
  /** The model's name, and the version's digest and number. */
  readonly model: string
  readonly digest: Digest
  readonly number: number
  /** As the person who embedded it wrote it. */
  readonly reference: string
  /** The application's path, null where there is none beside `/models/<name>`. */
  readonly path: string | null
  /** DiffIDs of the layers that hold it: what to take out again. The placement layer is the last, and always on top. */
  readonly layers: readonly Digest[]
  readonly position: Position
  /** Whether the files are at `path` itself, instead of a link to `/models/<name>`. */
  readonly realPath: boolean
}

/** The absolute directory that a model's files are in. */
export function directoryOf({
  name,
  path,
  realPath,
}: Pick<EmbeddedModel, 'name' | 'path' | 'realPath'>): string {
  return realPath && path !== null ? path : `/models/${name}`
}

/** None where there is no label. Throws REFUSED for a label of a newer Ballast, DAMAGED for one that is malformed. */
export function readLabel(config: Json): readonly EmbeddedModel[] {
  const text = objectOf(objectOf(config.config).Labels)[MODELS_LABEL]
  if (text === undefined || text === null) return []
  const parsed = typeof text === 'string' ? parseJson(Buffer.from(text)) : undefined
  if (typeof parsed?.version === 'number' && parsed.version > 1) {
    throw new BallastError('REFUSED', 'a newer version of Ballast has put models into this image', {
      hint: 'update Ballast',
    })
  }
  const models = parsed?.version === 1 && Array.isArray(parsed.models) ? parsed.models.map(decodeModel) : []
  if (parsed?.version === 1 && models.every((model) => model !== undefined)) return models
  throw new BallastError('DAMAGED', `the label ${MODELS_LABEL} of the image is malformed`, {
    hint: 'build the image again without that label, then embed into it',
  })
}

/** The config with the label set, or removed where there are no models; everything else as it was. */
export function writeLabel(config: Json, models: readonly EmbeddedModel[]): Json {
  const inner = objectOf(config.config)
  const { [MODELS_LABEL]: former, ...others } = objectOf(inner.Labels)
  if (models.length === 0 && former === undefined) return config
  const Labels = models.length === 0 ? others : { ...others, [MODELS_LABEL]: encodeModels(models) }
  return { ...config, config: { ...inner, Labels } }
}

function encodeModels(models: readonly EmbeddedModel[]): string {
  const ordered = models.map(
    ({ name, model, digest, number, reference, path, layers, position, realPath }) => ({
      ...{ name, model, digest, number, reference, path, layers },
      ...(position === 'bottom' && { position }),
      ...(realPath && { realPath }),
    }),
  )
  return JSON.stringify({ version: 1, models: ordered })
}

function decodeModel(value: unknown): EmbeddedModel | undefined {
  const { name, model, digest, number, reference, path, layers, position, realPath } = objectOf(value)
  if (typeof name !== 'string' || typeof model !== 'string' || typeof reference !== 'string') return undefined
  if (typeof digest !== 'string' || !isDigest(digest) || typeof number !== 'number') return undefined
  if (typeof path !== 'string' && path !== null) return undefined
  if (!Array.isArray(layers) || !layers.every((id) => typeof id === 'string' && isDigest(id)))
    return undefined
  if (position !== undefined && position !== 'top' && position !== 'bottom') return undefined
  if (realPath !== undefined && typeof realPath !== 'boolean') return undefined
  const placed = { position: position ?? 'top', realPath: realPath ?? false } as const
  return { name, model, digest, number, reference, path, layers, ...placed }
}
