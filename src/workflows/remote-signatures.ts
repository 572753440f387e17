import { BallastError, readAll, verified } from '../core/index.ts'
import { type ImageRepository, referrersOf } from '../oci/index.ts'
import { LARGEST_BUNDLE, signaturesTag } from '../trust/index.ts'
import { digestAt } from './remote-numbers.ts'
import { maySign, type SignatureSource } from './signatures.ts'

/** Of a registry, a bucket or a layout. */
export function signaturesAt(repository: ImageRepository): SignatureSource {
  return {
    async list(subject, options) {
      const listed = await referrersOf(repository).list(subject, options)
      // Buckets and older registries do not say of what kind each is.
      const attached = listed.filter(
        ({ artifactType }) => artifactType === undefined || maySign(artifactType),
      )
      const tagged = await digestAt(repository, signaturesTag(subject), options)
      return [...attached.map(({ digest }) => digest), ...(tagged === undefined ? [] : [tagged])]
    },
    async manifest(digest, options) {
      const found = await repository.getManifest(digest, options)
      if (found !== undefined) return found.bytes
      throw new BallastError('NOT_FOUND', `${repository.name} lacks ${digest}, which it lists`)
    },
    read: (blob, options) =>
      readAll(verified(repository.openBlob(blob, options).open(), blob), LARGEST_BUNDLE),
  }
}
