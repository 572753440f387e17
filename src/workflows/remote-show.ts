import { BallastError, type CallOptions } from '../core/index.ts'
import { totalSize } from '../model/index.ts'
import { referrersOf } from '../oci/index.ts'
import { type CheckedSignature, checkSigned } from './check-signed.ts'
import type { ImageAccess } from './image-places.ts'
import { findModel } from './pull.ts'
import { modelIn, type RemoteModel, tagsAt } from './remote-models.ts'
import { signaturesAt } from './remote-signatures.ts'
import { openRemote } from './remotes.ts'
import type { ShowOptions } from './show.ts'
import { readSigned } from './signatures.ts'

export interface ShownRemote extends RemoteModel {
  readonly ref: string
  /** As they are stored there. */
  readonly bytes: number
  /** What kinds of documents are attached to it, each as often as it is. */
  readonly attached: readonly string[]
  /** Verified only where somebody is named whose signatures are trusted. */
  readonly signatures: readonly CheckedSignature[]
}

/** A model at a registry, in a bucket or in a layout, without fetching it. Throws NOT_FOUND, and USAGE for an image. */
export async function showRemote(
  text: string,
  access: ImageAccess,
  { trusted, ...options }: CallOptions & ShowOptions = {},
): Promise<ShownRemote> {
  const remote = await openRemote(text, access)
  const { repository, reference, at } = remote
  const manifest = await findModel(remote, options)
  const names = (await tagsAt(repository, options)).get(manifest.digest) ?? []
  const model = modelIn(manifest, names)
  if (model === undefined) {
    throw new BallastError('USAGE', `${at(reference)} is an image, or no model that is known`, {
      hint: `what an image holds: ballast history ${at(reference)}`,
    })
  }
  const attached = await referrersOf(repository).list(manifest.digest, options)
  const signed = await readSigned(signaturesAt(repository), manifest.digest, options)
  return {
    ref: at(reference),
    ...model,
    bytes: totalSize(model.contents),
    attached: attached.map(({ artifactType }) => artifactType ?? 'unknown').sort(),
    signatures: (await checkSigned(signed, { trusted, subject: manifest.digest })).signatures,
  }
}
