import {
  type AnyDigest,
  BallastError,
  bytesContent,
  type Content,
  type Digest,
  digestOf,
  isDigest,
  sha512Of,
} from '../../src/core/index.ts'
import { parseName } from '../../src/model/index.ts'
import type { StoredManifest } from '../../src/oci/index.ts'
import type { RegistryStorage } from '../../src/registry/index.ts'

interface MemoryRepository {
  readonly tags: Map<string, Digest>
  readonly manifests: Set<Digest>
}

export interface MemoryStorage extends RegistryStorage {
  /** Blobs that were committed; a test may add its own. */
  readonly blobs: Map<Digest, Content>
}

/** A registry's storage in memory, for tests of what stands on it. */
export function createMemoryStorage(): MemoryStorage {
  const blobs = new Map<Digest, Content>()
  const manifests = new Map<Digest, StoredManifest>()
  const repositories = new Map<string, MemoryRepository>()
  const uploads = new Map<string, Buffer[]>()
  const named = new Map<AnyDigest, Digest>()
  let created = 0

  const chunksOf = (id: string): Buffer[] => {
    const chunks = uploads.get(id)
    if (chunks === undefined) throw new BallastError('NOT_FOUND', 'there is no such upload')
    return chunks
  }
  const sizeOf = (digest: Digest): number | undefined =>
    blobs.get(digest)?.size ?? manifests.get(digest)?.bytes.length

  return {
    blobs,
    canonical: async (digest) => (isDigest(digest) ? digest : named.get(digest)),
    async resolve(name, reference) {
      const repository = repositories.get(name)
      if ('tag' in reference) return repository?.tags.get(reference.tag)
      return repository?.manifests.has(reference.digest) ? reference.digest : undefined
    },
    nameOf: async ({ digest }) => [...named].find(([, canonical]) => canonical === digest)?.[0] ?? digest,
    getManifest: async (digest) => manifests.get(digest),
    async putManifest(name, manifest, { tags = [], named: given } = {}) {
      if (given !== undefined && !isDigest(given)) named.set(given, manifest.digest)
      const repository = repositories.get(name) ?? { tags: new Map(), manifests: new Set() }
      repositories.set(name, repository)
      manifests.set(manifest.digest, manifest)
      repository.manifests.add(manifest.digest)
      for (const tag of tags) repository.tags.set(tag, manifest.digest)
    },
    async deleteManifest(name, reference) {
      const repository = repositories.get(name)
      if ('tag' in reference) return repository?.tags.delete(reference.tag) ?? false
      for (const [tag, digest] of repository?.tags ?? []) {
        if (digest === reference.digest) repository?.tags.delete(tag)
      }
      return repository?.manifests.delete(reference.digest) ?? false
    },
    async listTags(name) {
      const repository = repositories.get(name)
      return repository && [...repository.tags.keys()].sort()
    },
    listManifests: async (name) => [...(repositories.get(name)?.manifests ?? [])],
    listRepositories: async () => [...repositories.keys()].map(parseName).sort(),
    async deleteBlob(digest) {
      const live = [...repositories.values()].flatMap((repository) => [...repository.manifests])
      const isNeeded = live.some((manifest) => `${manifests.get(manifest)?.bytes}`.includes(digest))
      if (isNeeded) throw new BallastError('CONFLICT', `${digest} is needed`)
      return blobs.delete(digest)
    },
    openBlob: async (digest) => blobs.get(digest),
    sizes: async (digests) =>
      new Map(
        digests.flatMap((digest) => {
          const size = sizeOf(digest)
          return size === undefined ? [] : [[digest, size] as const]
        }),
      ),
    uploads: {
      async create() {
        const id = `upload-${++created}`
        uploads.set(id, [])
        return id
      },
      size: async (id) => uploads.get(id)?.reduce((sum, chunk) => sum + chunk.length, 0),
      async append(id, chunks) {
        const kept = chunksOf(id)
        for await (const chunk of chunks) kept.push(Buffer.from(chunk))
        return kept.reduce((sum, chunk) => sum + chunk.length, 0)
      },
      async commit(id, digest) {
        const bytes = Buffer.concat(chunksOf(id))
        uploads.delete(id)
        const canonical = digestOf(bytes)
        const found = isDigest(digest) ? canonical : await sha512Of(bytesContent(bytes).open())
        if (found !== digest) throw new BallastError('DAMAGED', 'another digest')
        if (!isDigest(digest)) named.set(digest, canonical)
        blobs.set(canonical, bytesContent(bytes))
      },
      cancel: async (id) => uploads.delete(id),
    },
    close: async () => uploads.clear(),
  }
}
