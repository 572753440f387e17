import { type Digest, digestOf } from '../core/index.ts'
import { childrenOf, type Descriptor } from './descriptors.ts'
import { parseJson } from './json.ts'
import { MODEL_MANIFEST, OCI_MANIFEST } from './media-types.ts'

/** The config of an artifact without one (OCI image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'
export const EMPTY_CONFIG: Buffer = Buffer.from('{}')

/**
 * The manifest, as OCI image-spec 1.1 has it, that attaches a document to a version's manifest; `type` is that of the
 * manifest and of its one layer. What is attached is no part of the version's identity.
 */
export function encodeAttachment(
  subject: { readonly digest: Digest; readonly size: number },
  { type, data }: { readonly type: string; readonly data: Uint8Array },
): Buffer {
  const manifest = {
    ...documentManifest({ type, data }),
    subject: {
      mediaType: OCI_MANIFEST,
      digest: subject.digest,
      size: subject.size,
      artifactType: MODEL_MANIFEST,
    },
  }
  return Buffer.from(JSON.stringify(manifest))
}

/** The same of a document that is about no version. */
export function encodeDocument(document: { readonly type: string; readonly data: Uint8Array }): Buffer {
  return Buffer.from(JSON.stringify(documentManifest(document)))
}

function documentManifest({ type, data }: { readonly type: string; readonly data: Uint8Array }): object {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: type,
    config: { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length },
    layers: [{ mediaType: type, digest: digestOf(data), size: data.length }],
  }
}

/** Where the document is that a manifest attaches; undefined for a manifest of another type. Throws DAMAGED. */
export function attachedBy(manifest: Uint8Array, type: string): Descriptor | undefined {
  if (parseJson(manifest)?.artifactType !== type) return undefined
  return childrenOf(manifest).find(({ mediaType }) => mediaType === type)
}
