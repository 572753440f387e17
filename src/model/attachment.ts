import { type Digest, digestOf } from '../core/index.ts'
import { childrenOf, type Descriptor } from './descriptors.ts'
import { parseJson } from './json.ts'
import { MODEL_MANIFEST, OCI_MANIFEST } from './media-types.ts'

/** The config of an artifact without one (OCI image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'
export const EMPTY_CONFIG: Buffer = Buffer.from('{}')

/** A document that is attached to a manifest. */
export interface AttachedDocument {
  /** Of the manifest, and of the layer where that has no type of its own. */
  readonly type: string
  readonly layerType?: string
  readonly data: Uint8Array
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>
  readonly layerAnnotations?: Readonly<Record<string, string>>
}

/**
 * The manifest, as OCI image-spec 1.1 has it, that attaches a document to a version's manifest, with one layer. What is
 * attached is no part of the version's identity.
 */
export function encodeAttachment(
  subject: { readonly digest: Digest; readonly size: number; readonly mediaType?: string },
  { annotations, ...document }: AttachedDocument,
): Buffer {
  const { mediaType = OCI_MANIFEST, digest, size } = subject
  const manifest = {
    ...documentManifest(document),
    subject: {
      mediaType,
      digest,
      size,
      ...(subject.mediaType === undefined && { artifactType: MODEL_MANIFEST }),
    },
    ...(annotations && { annotations }),
  }
  return Buffer.from(JSON.stringify(manifest))
}

/** The same of a document that is about no version. */
export function encodeDocument(document: { readonly type: string; readonly data: Uint8Array }): Buffer {
  return Buffer.from(JSON.stringify(documentManifest(document)))
}

function documentManifest({
  type,
  layerType = type,
  data,
  layerAnnotations: annotations,
}: Omit<AttachedDocument, 'annotations'>): object {
  const layer = { mediaType: layerType, digest: digestOf(data), size: data.length }
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: type,
    config: { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length },
    layers: [annotations === undefined ? layer : { ...layer, annotations }],
  }
}

/** Where the document is that a manifest attaches; undefined for a manifest of another type. Throws DAMAGED. */
export function attachedBy(manifest: Uint8Array, type: string): Descriptor | undefined {
  if (parseJson(manifest)?.artifactType !== type) return undefined
  return childrenOf(manifest).find(({ mediaType }) => mediaType === type)
}
