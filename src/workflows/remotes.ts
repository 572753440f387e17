import { BallastError, type CallOptions } from '../core/index.ts'
import { formatImageReference, type ImageReference } from '../embed/index.ts'
import { hasVersion, isBucketAddress, isRemote, numberOfTag, parseOperand } from '../model/index.ts'
import { type ImageRepository, isReferrersTag } from '../oci/index.ts'
import { isStageTag } from '../policy/index.ts'
import { type ImageAccess, type OpenImageOptions, openImage } from './image-places.ts'

/** A place outside the store where versions of models are kept, and what in it is meant. */
export interface Remote {
  readonly repository: ImageRepository
  /** A tag or a digest; `latest` where none is stated. */
  readonly reference: string
  readonly isStated: boolean
  /** What a model that is pulled from there is called, where it can be told: `team/sentiment`. */
  readonly modelName: string | undefined
  /** For people: the same place with another tag or digest. */
  readonly at: (reference: string) => string
}

/** Throws USAGE for anything else than `HOST/NAME[:TAG|@DIGEST]` `oci:DIRECTORY[:TAG]` or an address in a bucket. Whoever writes closes the repository. */
export async function openRemote(
  text: string,
  access: ImageAccess,
  { create = false, direct = false, store }: Pick<OpenImageOptions, 'create' | 'direct' | 'store'> = {},
): Promise<Remote> {
  if (!isRemote(text)) throw noRemote(text)
  if (isBucketAddress(text)) return (await import('./bucket-remotes.ts')).openBucketRemote(text, access)
  if (parseOperand(text).kind === 'archive') {
    if (create) throw inArchive(text)
    return (await import('./archive-remotes.ts')).openArchiveRemote(text)
  }
  const { image, repository, reference } = await openImage(text, access, {
    create,
    direct,
    ...(store && { store }),
  })
  return {
    repository,
    reference,
    isStated: image.kind === 'registry' ? hasVersion(text) : reference !== '',
    modelName: image.kind === 'registry' ? image.name : undefined,
    at: (other) => formatImageReference({ ...image, reference: other } as ImageReference),
  }
}

/** The number that a tag is, where it is one that Ballast gives. */
export function statedNumber({ reference, isStated }: Remote): number | undefined {
  return isStated ? numberOfTag(reference) : undefined
}

/** For a tag or digest that is not there: with what is. */
export async function nothingThere(
  { repository, reference, at }: Remote,
  options: CallOptions,
): Promise<BallastError> {
  const tags = (await repository.listTags(options)).filter((tag) => !isReferrersTag(tag) && !isStageTag(tag))
  return new BallastError('NOT_FOUND', `there is no ${at(reference)}`, {
    hint: tags.length === 0 ? 'check the name' : `there is: ${tags.slice(0, 20).join(', ')}`,
  })
}

function inArchive(text: string): BallastError {
  return new BallastError('USAGE', `nothing in ${text} is changed: an archive is written anew`, {
    hint: 'ballast push REF… archive:FILE writes one',
  })
}

function noRemote(text: string): BallastError {
  return new BallastError('USAGE', `${JSON.stringify(text)} is no place outside this store`, {
    hint: 'write HOST/NAME:TAG for a registry (localhost:5000/sentiment:prod), oci:DIRECTORY:TAG, archive:FILE, or s3://BUCKET/PATH/NAME:TAG (gs://, az://)',
  })
}
