import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  type ForeignDescriptor,
  OCI_INDEX,
  OCI_MANIFEST,
  parseJson,
  referencesOf,
} from '../../model/index.ts'

const KNOWN = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST]

export interface ManifestKind {
  readonly mediaType: string
  /** The digest of the manifest that this one is about. */
  readonly subject: string | undefined
}

/** What a manifest is, by itself and by the `Content-Type` it was sent with; `problem` says why it is none. */
export function describeManifest(
  bytes: Uint8Array,
  contentType?: string,
): ManifestKind | { readonly problem: string } {
  const parsed = parseJson(bytes)
  if (parsed === undefined) return { problem: 'it is not a JSON object' }
  if (parsed.schemaVersion !== 2) return { problem: 'its schemaVersion is not 2' }
  const sent = contentType?.split(';')[0]?.trim() ?? ''
  const inside = parsed.mediaType
  if (inside !== undefined && sent !== '' && inside !== sent) {
    return { problem: `its mediaType is ${JSON.stringify(inside)}, and it was sent as ${sent}` }
  }
  // Without a mediaType inside, what was stored has to be told from its form alone when it is read again.
  const mediaType = inside ?? ('manifests' in parsed ? OCI_INDEX : OCI_MANIFEST)
  if (typeof mediaType !== 'string' || !KNOWN.includes(mediaType)) {
    return { problem: `a manifest of type ${JSON.stringify(mediaType)} is not known here` }
  }
  if (sent !== '' && sent !== mediaType) return { problem: `it was sent as ${sent}, and is ${mediaType}` }
  const subject = subjectOf(parsed)
  // It is repeated in a header.
  if (subject !== undefined && !DIGEST.test(subject)) return { problem: 'the digest of its subject is none' }
  return { mediaType, subject }
}

/**
 * What has to be there for the manifest to be pulled; some layers stand elsewhere, by license (image-spec, layer.md,
 * "Non-Distributable Layers"). Throws DAMAGED.
 */
export function distributedFrom(manifest: Uint8Array): readonly ForeignDescriptor[] {
  return referencesOf(manifest).filter(
    ({ mediaType }) => !/nondistributable|\.foreign\./.test(mediaType ?? ''),
  )
}

/** Of any algorithm (image-spec, descriptor.md, "Digests"). */
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[\w=-]+$/

/** The digest in the `subject` of a manifest. */
export function subjectOf(manifest: Readonly<Record<string, unknown>>): string | undefined {
  const { digest } = (manifest.subject ?? {}) as { digest?: unknown }
  return typeof digest === 'string' ? digest : undefined
}
