import { type CallOptions, type Digest, digestOf, hexOf } from '../core/index.ts'
import { childrenOf, type Descriptor, OCI_INDEX, parseJson, subjectOfManifest } from '../model/index.ts'
import type { ImageRepository, Referrers, StoredManifest } from './image-repository.ts'

/**
 * What is attached to a manifest as an index under the tag `sha256-<hex>` of its subject, for repositories that have no
 * other place for it (distribution-spec, "Referrers Tag Schema"). Two who attach at the same time can lose one another's
 * entry, so each looks again and adds its own once more.
 */
export function taggedReferrers(repository: ImageRepository): Referrers {
  async function list(subject: Digest, options?: CallOptions): Promise<readonly Descriptor[]> {
    const index = await repository.getManifest(tagOf(subject), options)
    return index?.mediaType === OCI_INDEX ? childrenOf(index.bytes) : []
  }

  return {
    list,
    async put(manifest, options) {
      const subject = subjectOfManifest(manifest.bytes)
      if (subject === undefined) throw new TypeError('a manifest without a subject is no referrer')
      await repository.putManifest(manifest, undefined, options)
      for (let tries = 0; tries < TRIES; tries++) {
        const known = await list(subject, options)
        if (known.some(({ digest }) => digest === manifest.digest)) return
        await repository.putManifest(indexOf([...known, describe(manifest)]), tagOf(subject), options)
      }
    },
  }
}

const TRIES = 5

export function tagOf(subject: Digest): string {
  return `sha256-${hexOf(subject)}`
}

/** Those of what cosign attaches included. */
export function isReferrersTag(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/.test(tag)
}

/** Where a repository says what is attached to its manifests. */
export function referrersOf(repository: ImageRepository): Referrers {
  return repository.referrers ?? taggedReferrers(repository)
}

function describe({ mediaType, digest, bytes }: StoredManifest): Descriptor {
  const { artifactType } = parseJson(bytes) ?? {}
  return {
    mediaType,
    digest,
    size: bytes.length,
    ...(typeof artifactType === 'string' && { artifactType }),
  }
}

function indexOf(manifests: readonly Descriptor[]): StoredManifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }))
  return { mediaType: OCI_INDEX, digest: digestOf(bytes), bytes }
}
