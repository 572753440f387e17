import { type AnyDigest, type Digest, forEachLimited } from '../../core/index.ts'
import { OCI_MANIFEST, parseJson } from '../../model/index.ts'
import type { StoredManifest } from '../../oci/index.ts'
import type { AskedOfRepository } from './asked.ts'
import { subjectOf } from './manifest-kind.ts'
import type { RegistryStorage } from './storage.ts'

/** What is told of a manifest that is attached to another. */
export interface Referrer {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly artifactType?: string
  readonly annotations?: unknown
}

/** Of one manifest. */
interface Attachment {
  readonly subject: string
  readonly referrer: Referrer
}

/** So many manifests are read at once. */
const READ_AT_ONCE = 8
/** Of so many it is remembered what they are attached to, unless their annotations are long: 80 MiB at most. */
const MOST_KNOWN = 20_000
const LONGEST_KNOWN = 4 * 1024

/**
 * A digest is of the same bytes for good, so that each manifest is read once: undefined of one that is attached to nothing.
 * Whether it is there still, the storage says.
 */
const known = new WeakMap<RegistryStorage, Map<Digest, Attachment | undefined>>()

/** The manifests of the repository that are attached to one. */
export async function referrersOf(
  { name, storage }: Pick<AskedOfRepository, 'name' | 'storage'>,
  subject: AnyDigest,
): Promise<readonly Referrer[]> {
  const seen = known.get(storage) ?? new Map<Digest, Attachment | undefined>()
  known.set(storage, seen)
  const subjects: readonly (string | undefined)[] = [subject, await storage.canonical(subject)]
  const found: Referrer[] = []
  const look = async (digest: Digest): Promise<void> => {
    const isSeen = seen.has(digest)
    const manifest = isSeen ? undefined : await storage.getManifest(digest)
    if (!isSeen && manifest === undefined) return
    const attachment = manifest === undefined ? seen.get(digest) : attachmentOf(manifest)
    // The latest last, so that those go first that nobody has asked for.
    seen.delete(digest)
    if (attachment === undefined || attachment.referrer.size <= LONGEST_KNOWN) seen.set(digest, attachment)
    if (attachment !== undefined && subjects.includes(attachment.subject)) found.push(attachment.referrer)
  }
  await forEachLimited(await storage.listManifests(name), READ_AT_ONCE, look)
  for (const digest of seen.keys()) {
    if (seen.size <= MOST_KNOWN) break
    seen.delete(digest)
  }
  return found
}

function attachmentOf({ bytes, digest, mediaType }: StoredManifest): Attachment | undefined {
  const parsed = parseJson(bytes)
  const subject = parsed && subjectOf(parsed)
  if (parsed === undefined || subject === undefined) return undefined
  const { config } = parsed as { config?: { mediaType?: unknown } }
  const artifactType = parsed.artifactType ?? (mediaType === OCI_MANIFEST ? config?.mediaType : undefined)
  const referrer = {
    mediaType,
    digest,
    size: bytes.length,
    ...(typeof artifactType === 'string' && { artifactType }),
    ...(parsed.annotations !== undefined && { annotations: parsed.annotations }),
  }
  return { subject, referrer }
}
