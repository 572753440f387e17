import type { Bucket } from '../buckets/index.ts'
import { type CallOptions, type Digest, digestOfHex, hexOf } from '../core/index.ts'
import { type Descriptor, OCI_MANIFEST, type RepositoryName, subjectOfManifest } from '../model/index.ts'
import type { Referrers, StoredManifest } from '../oci/index.ts'
import { blobKey, type RemoteLayout, referrersPrefix } from './layout.ts'

interface ReferrersOf {
  readonly name: RepositoryName
  readonly putManifest: (manifest: StoredManifest, tag: undefined, options?: CallOptions) => Promise<void>
}

/** What is attached to manifests: an empty object each, under the subject's digits and its own. */
export function remoteReferrers(
  bucket: Bucket,
  layout: RemoteLayout,
  { name, putManifest }: ReferrersOf,
): Referrers {
  const prefix = referrersPrefix(layout, name)
  return {
    async list(subject, options = {}) {
      const found: Descriptor[] = []
      for await (const { key } of bucket.list(`${prefix}${hexOf(subject)}/`, options)) {
        const digest = referrerOf(key)
        const object = digest && (await bucket.head(blobKey(layout, digest), options))
        if (digest !== undefined && object !== undefined)
          found.push({ mediaType: OCI_MANIFEST, digest, size: object.size })
      }
      return found
    },
    async put(manifest, options) {
      const subject = subjectOfManifest(manifest.bytes)
      if (subject === undefined) throw new TypeError('a manifest without a subject is no referrer')
      await putManifest(manifest, undefined, options)
      await bucket.put(`${prefix}${hexOf(subject)}/${hexOf(manifest.digest)}`, Buffer.alloc(0), options)
    },
  }
}

/** Of a key that ends with its digits; undefined for what somebody else has put there. */
export function referrerOf(key: string): Digest | undefined {
  const [, hex] = /\/([0-9a-f]{64})$/.exec(key) ?? []
  return hex === undefined ? undefined : digestOfHex(hex)
}
