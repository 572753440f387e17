import { bytesContent, type CallOptions, digestOf } from '../core/index.ts'
import { EMPTY_CONFIG, encodeAttachment, OCI_MANIFEST } from '../model/index.ts'
import { type ImageRepository, referrersOf, type StoredManifest } from '../oci/index.ts'
import { addToSignaturesTag } from './signature-tags.ts'
import { documentOf, type Signed } from './signatures.ts'

/** Attaches a signature or a signed statement to a manifest that is at a remote. */
export async function putSigned(
  repository: ImageRepository,
  { subject, signature }: { readonly subject: StoredManifest; readonly signature: Signed['signature'] },
  options: CallOptions = {},
): Promise<void> {
  if (signature.form === 'simplesigning' && keepsSignatureTags(repository)) {
    await addToSignaturesTag(repository, { subject: subject.digest, signatures: [signature] }, options)
    return
  }
  const document = documentOf(signature)
  for (const bytes of [EMPTY_CONFIG, Buffer.from(document.data)]) {
    const blob = { digest: digestOf(bytes), size: bytes.length }
    if (!(await repository.hasBlob(blob, options)))
      await repository.putBlob(blob, bytesContent(bytes), options)
  }
  const { digest, mediaType, bytes: of } = subject
  const bytes = encodeAttachment({ digest, mediaType, size: of.length }, document)
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
  await referrersOf(repository).put(manifest, options)
}

/** Buckets have no tags for other tools to read: what is attached there stands in one place alone. */
export function keepsSignatureTags(repository: ImageRepository): boolean {
  return !('records' in repository)
}
