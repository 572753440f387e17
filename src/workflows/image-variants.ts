import { BallastError, type CallOptions, type Digest, digestOf, isBallastError } from '../core/index.ts'
import { formatImageReference, noImage } from '../embed/index.ts'
import { checkVariantName, isTag, isVariantName, objectOf, parseJson, parseOperand } from '../model/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import type { RegistryRepository } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { embed } from './embed.ts'
import { modelsOf } from './history.ts'
import { type ImageAccess, type OpenedImage, openImage } from './image-places.ts'
import { parseModelReference } from './resolve.ts'

/** An image that differs from another one in the version of its model alone. */
export interface ImageVariant {
  readonly name: string
  /** As an operand: `localhost:5000/app:v1.variant-canary`. */
  readonly image: string
  /** `sentiment:4` */
  readonly version: string
  /** Of the version. */
  readonly digest: Digest
}

export interface ImageVariantsRequest {
  readonly image: string
  /** Versions for variants, by the variants' names. */
  readonly refs: ReadonlyMap<string, string>
  readonly withdrawn: readonly string[]
}

export interface ImageVariantsResult {
  readonly image: string
  readonly variants: readonly ImageVariant[]
  readonly changed: boolean
  readonly bytesSent: number
  readonly ms: number
  readonly warnings: readonly string[]
}

export type ImageVariantsCall = CallOptions & { readonly access: ImageAccess }

/** Whether a split of the operand is one of embedded models. */
export function isImageOperand(operand: string): boolean {
  return ['registry', 'image', 'layout'].includes(parseOperand(operand).kind)
}

/**
 * Makes and withdraws images beside one that holds a model: each has the tag `<tag>.variant-<name>` and shares all layers
 * with it but those of what differs. Which requests go to which image is decided by whoever sends them. Throws NOT_FOUND,
 * USAGE, REFUSED where tags cannot be removed, and what `embed` does.
 */
export async function changeImageVariants(
  store: Store,
  { image: operand, refs, withdrawn }: ImageVariantsRequest,
  { access, ...options }: ImageVariantsCall,
): Promise<ImageVariantsResult> {
  const started = performance.now()
  const opened = await openImage(operand, access, { direct: true, store })
  try {
    const models = (await modelsIn(opened, operand, options)).map(({ model }) => model as string)
    const gone = withdrawn.map(checkVariantName)
    const known = await variantTags(opened, options)
    const unknown = gone.find((name) => !known.includes(name))
    if (unknown !== undefined) {
      throw new BallastError('NOT_FOUND', `${operand} has no variant ${unknown}`, {
        hint: `it has ${known.join(', ') || 'none'}`,
      })
    }
    let bytesSent = 0
    const warnings: string[] = []
    for (const [name, ref] of refs) {
      const image = imageOf(opened, checkVariantName(name))
      refuseOtherModel(ref, { models, operand })
      const made = await embed(store, { models: [ref], image: operand, result: image, access }, options)
      bytesSent += made.bytesSent
      warnings.push(...made.warnings)
    }
    for (const name of gone) await withdraw(opened, name, options)
    const changed = refs.size > 0 || gone.length > 0
    const variants = await listVariants(opened, options)
    const ms = Math.round(performance.now() - started)
    return { image: formatImageReference(opened.image), variants, changed, bytesSent, ms, warnings }
  } finally {
    await opened.repository.close?.()
  }
}

async function modelsIn(
  { repository, reference }: OpenedImage,
  operand: string,
  options: CallOptions,
): Promise<Awaited<ReturnType<typeof modelsOf>>> {
  if ((await repository.getManifest(reference, options)) === undefined) throw noImage(repository, reference)
  const models = await modelsOf(repository, reference, options)
  if (models.length > 0) return models
  throw new BallastError('NOT_FOUND', `${operand} holds no model of which there could be variants`, {
    hint: `to embed one: ballast embed REF=PATH ${operand} -t ${operand}`,
  })
}

/** Another model would come beside the one that is there, instead of in its place. */
function refuseOtherModel(
  ref: string,
  { models, operand }: { readonly models: readonly string[]; readonly operand: string },
): void {
  if (models.includes(parseModelReference(ref).name)) return
  throw new BallastError('USAGE', `${ref} is not a version of a model that ${operand} holds`, {
    hint: `it holds ${models.join(', ')}`,
  })
}

const VARIANT = '.variant-'

function imageOf({ image, reference }: OpenedImage, name: string): string {
  const tag = `${reference}${VARIANT}${name}`
  if (reference !== '' && isTag(tag)) return formatImageReference({ ...image, reference: tag })
  throw new BallastError('USAGE', `${formatImageReference(image)} cannot have a variant ${name}`, {
    hint: 'name the image by a tag, and keep tag and name short: 128 characters in all',
  })
}

/** The names of the variants; what an embed has kept of former ones (`….was-1`) is none. */
async function variantTags(
  { repository, reference }: OpenedImage,
  options: CallOptions,
): Promise<readonly string[]> {
  const prefix = `${reference}${VARIANT}`
  const names = (await repository.listTags(options)).flatMap((tag) =>
    tag.startsWith(prefix) ? [tag.slice(prefix.length)] : [],
  )
  return names.filter((name) => isVariantName(name) && !/\.was-\d+$/.test(name)).sort()
}

async function listVariants(opened: OpenedImage, options: CallOptions): Promise<readonly ImageVariant[]> {
  const variants: ImageVariant[] = []
  for (const name of await variantTags(opened, options)) {
    const tag = `${opened.reference}${VARIANT}${name}`
    for (const { model, number, digest } of await modelsOf(opened.repository, tag, options)) {
      variants.push({ name, image: imageOf(opened, name), version: `${model}:${number}`, digest })
    }
  }
  return variants
}

/** The tag, and those under which its former images were kept. */
async function withdraw(
  { image, repository, reference }: OpenedImage,
  name: string,
  options: CallOptions,
): Promise<void> {
  const tag = `${reference}${VARIANT}${name}`
  if (repository.deleteTag === undefined) {
    throw new BallastError('REFUSED', `tags of ${repository.name} cannot be removed by Ballast`, {
      hint: `let nothing use ${formatImageReference({ ...image, reference: tag })} any more; it costs its manifest alone`,
    })
  }
  for (const former of await repository.listTags(options)) {
    if (former === tag || former.startsWith(`${tag}.was-`)) await removeTag(repository, former, options)
  }
}

/**
 * Many registries remove manifests only, with every tag that they have, and two variants may be the same image. So the tag
 * gets a manifest of its own first, which then goes.
 */
async function removeTag(repository: ImageRepository, tag: string, options: CallOptions): Promise<void> {
  try {
    await repository.deleteTag?.(tag, options)
  } catch (error) {
    if (!isBallastError(error, 'REMOTE') || !isOfRegistry(repository)) throw error
    const manifest = await repository.getManifest(tag, options)
    const own = manifest && markedBy(manifest, tag)
    if (manifest === undefined || own === undefined) throw error
    await repository.putManifest(own, tag, options)
    try {
      await repository.deleteManifest(own.digest, options)
    } catch (refusal) {
      await repository.putManifest(manifest, tag, options)
      throw refusal
    }
  }
}

/** Undefined for what is no JSON. */
function markedBy({ mediaType, bytes }: StoredManifest, tag: string): StoredManifest | undefined {
  const parsed = parseJson(bytes)
  if (parsed === undefined) return undefined
  const annotations = { ...objectOf(parsed.annotations), 'dev.ballast.withdrawn': tag }
  const marked = Buffer.from(JSON.stringify({ ...parsed, annotations }))
  return { mediaType, digest: digestOf(marked), bytes: marked }
}

function isOfRegistry(repository: ImageRepository): repository is RegistryRepository {
  return 'deleteManifest' in repository
}
