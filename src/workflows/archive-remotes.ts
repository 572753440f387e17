import { BallastError, type CallOptions } from '../core/index.ts'
import { type ArchiveReference, parseImageReference } from '../embed/index.ts'
import { LATEST, splitReference } from '../model/index.ts'
import { type Bundle, openBundle } from '../oci/index.ts'
import type { Remote } from './remotes.ts'

/** `archive:FILE[:REFERENCE]`. Throws USAGE. */
export function parseArchiveAddress(text: string): ArchiveReference {
  const image = parseImageReference(text)
  if (image.kind === 'archive') return image
  throw new BallastError('USAGE', `${text} is no archive`, { hint: 'write archive:FILE' })
}

/**
 * A model in an archive: `archive:FILE:NAME:TAG`, `archive:FILE:TAG` or `archive:FILE` where it holds one model alone, and whatever
 * other tools call it. Throws NOT_FOUND where there is no file, and REFUSED where several models are meant.
 */
export async function openArchiveRemote(text: string, options: CallOptions = {}): Promise<Remote> {
  const { path, reference } = parseArchiveAddress(text)
  return remoteInBundle(await openBundle(path, options), { path, reference })
}

export function remoteInBundle(
  bundle: Bundle,
  { path, reference }: { readonly path: string; readonly reference: string },
): Remote {
  const { models } = bundle
  const { name, tag, digest } = splitReference(reference)
  const isNamed = models.includes(name)
  const [only] = models
  if (!isNamed && (only === undefined || (models.length > 1 && reference !== ''))) {
    return {
      repository: bundle.archive,
      reference,
      isStated: reference !== '',
      modelName: undefined,
      at: (other) => `archive:${path}${other === '' ? '' : `:${other}`}`,
    }
  }
  if (!isNamed && models.length > 1) {
    throw new BallastError(
      'REFUSED',
      `archive:${path} holds several models: ${models.slice(0, 20).join(', ')}`,
      {
        hint: `name one: archive:${path}:${only}`,
      },
    )
  }
  const model = isNamed ? name : (only as string)
  const stated = isNamed ? (digest ?? tag) : reference === '' ? undefined : reference
  return {
    repository: bundle.repository(model),
    reference: stated ?? LATEST,
    isStated: stated !== undefined,
    modelName: model,
    at: (other) => `archive:${path}:${model}${other.startsWith('sha256:') ? '@' : ':'}${other}`,
  }
}
