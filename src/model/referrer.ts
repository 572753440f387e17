import { type Digest, isDigest } from '../core/index.ts'
import { attachedBy } from './attachment.ts'
import type { Descriptor } from './descriptors.ts'
import { objectOf, parseJson } from './json.ts'

/** An OCI artifact that describes a version: the type of the manifest and of its one layer. */
export const MODEL_DESCRIPTION = 'application/vnd.ballast.model.description.v1+json'

/** Where the description is that a manifest attaches; undefined for any other manifest. Throws DAMAGED. */
export function describedBy(manifest: Uint8Array): Descriptor | undefined {
  return attachedBy(manifest, MODEL_DESCRIPTION)
}

/** The manifest that a manifest is about: what refers to it goes with it. Undefined for one that is about none. */
export function subjectOfManifest(manifest: Uint8Array): Digest | undefined {
  const parsed = parseJson(manifest)
  if (parsed?.schemaVersion !== 2) return undefined
  const { digest } = objectOf(parsed.subject)
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined
}
