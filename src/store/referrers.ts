import type { Digest } from '../core/index.ts'
import { parseJson, type RepositoryName, subjectOfManifest } from '../model/index.ts'
import { storedManifest } from './children.ts'
import { blobPath, type StoreLayout } from './layout.ts'
import type { Records } from './records.ts'

/** A manifest without a tag that is about another one (OCI image-spec, manifest.md, `subject`). It goes with its subject. */
export interface Referrer {
  readonly digest: Digest
  readonly subject: Digest
  /** Its `artifactType`; empty where it has none. */
  readonly type: string
}

export interface Untagged {
  readonly referrers: readonly Referrer[]
  /** Those that are about nothing else, and those that cannot be read: nothing but a removal ends them. */
  readonly others: readonly Digest[]
}

/** A repository's manifests without a tag. */
export async function readUntagged(
  layout: StoreLayout,
  records: Records,
  name: RepositoryName,
): Promise<Untagged> {
  const referrers: Referrer[] = []
  const others: Digest[] = []
  for (const digest of await records.listUntagged(name)) {
    const manifest = await storedManifest(blobPath(layout, digest))
    const subject = manifest && subjectOfManifest(manifest)
    if (manifest === undefined || subject === undefined) others.push(digest)
    else referrers.push({ digest, subject, type: String(parseJson(manifest)?.artifactType ?? '') })
  }
  return { referrers, others }
}
