import { type CallOptions, digestOf } from '../core/index.ts'
import { type AttachedDocument, EMPTY_CONFIG, encodeAttachment, OCI_MANIFEST } from '../model/index.ts'
import { type ImageRepository, referrersOf, type StoredManifest } from '../oci/index.ts'
import { putBytes } from './put-bytes.ts'

/** Attaches a document to a manifest that is at a remote. */
export async function putDocument(
  repository: ImageRepository,
  { subject, document }: { readonly subject: StoredManifest; readonly document: AttachedDocument },
  options: CallOptions = {},
): Promise<void> {
  for (const bytes of [EMPTY_CONFIG, document.data]) await putBytes(repository, bytes, options)
  const { digest, mediaType, bytes: of } = subject
  const bytes = encodeAttachment({ digest, mediaType, size: of.length }, document)
  const manifest = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes }
  await referrersOf(repository).put(manifest, options)
}
