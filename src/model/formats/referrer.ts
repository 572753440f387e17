import { type Digest, digestOf, isDigest } from '../../core/index.ts'
import { objectOf, parseJson } from '../json.ts'
import { childrenOf, type Descriptor } from '../manifest.ts'
import { MODEL_MANIFEST, OCI_MANIFEST } from '../media-types.ts'

/** An OCI artifact that describes a version: the type of the manifest and of its one layer. */
export const MODEL_DESCRIPTION = 'application/vnd.ballast.model.description.v1+json'
/** The config of an artifact without one (OCI image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'
export const EMPTY_CONFIG: Buffer = Buffer.from('{}')

/** The manifest, as OCI image-spec 1.1 has it, that attaches a description to a version's manifest. */
export function encodeReferrer(
  subject: { readonly digest: Digest; readonly size: number },
  description: Uint8Array,
): Buffer {
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: MODEL_DESCRIPTION,
    config: { mediaType: EMPTY_TYPE, digest: digestOf(EMPTY_CONFIG), size: EMPTY_CONFIG.length },
    layers: [{ mediaType: MODEL_DESCRIPTION, digest: digestOf(description), size: description.length }],
    subject: {
      mediaType: OCI_MANIFEST,
      digest: subject.digest,
      size: subject.size,
      artifactType: MODEL_MANIFEST,
    },
  }
  return Buffer.from(JSON.stringify(manifest))
}

/** Where the description is that a manifest attaches; undefined for any other manifest. Throws DAMAGED. */
export function describedBy(manifest: Uint8Array): Descriptor | undefined {
  if (parseJson(manifest)?.artifactType !== MODEL_DESCRIPTION) return undefined
  return childrenOf(manifest).find(({ mediaType }) => mediaType === MODEL_DESCRIPTION)
}

/** The manifest that a manifest is about: what refers to it goes with it. Undefined for one that is about none. */
export function subjectOfManifest(manifest: Uint8Array): Digest | undefined {
  const parsed = parseJson(manifest)
  if (parsed?.schemaVersion !== 2) return undefined
  const { digest } = objectOf(parsed.subject)
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined
}
