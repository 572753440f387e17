import type { CallOptions } from '../core/index.ts'
import type { ImageRepository, StoredManifest } from '../oci/index.ts'
import { putDocument } from './put-document.ts'
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
  await putDocument(repository, { subject, document: documentOf(signature) }, options)
}

/** Buckets have no tags for other tools to read: what is attached there stands in one place alone. */
export function keepsSignatureTags(repository: ImageRepository): boolean {
  return !('records' in repository)
}
