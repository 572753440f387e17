import { type Digest, isBallastError } from '../../core/index.ts'
import { DOCKER_MANIFEST_LIST, followedFrom, OCI_INDEX, type RepositoryName } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { describeManifest } from './manifest-kind.ts'

/**
 * Every manifest that can be pulled from a repository by its digest. Besides what a record leads to, that is what an
 * index refers to, and an image whose tag has moved on: whoever runs it by digest finds it for as long as `gc` lets
 * it be.
 */
export async function manifestsOf(store: Store, name: RepositoryName): Promise<readonly Digest[]> {
  const { records } = store
  const found = new Set<Digest>((await records.listVersions(name)).map(({ digest }) => digest))
  const queue = [
    ...(await records.listTags(name)).map(({ digest }) => digest),
    ...(await records.listUntagged(name)),
    ...(await formerImages(store, name)),
  ]
  for (let digest = queue.pop(); digest !== undefined; digest = queue.pop()) {
    if (found.has(digest) || (await store.blobs.stat(digest)) === undefined) continue
    found.add(digest)
    queue.push(...(await childManifests(store, digest)))
  }
  return [...found]
}

/** Images that a push has taken a tag from. What was removed from any tag was meant to be gone. */
async function formerImages({ records }: Store, name: RepositoryName): Promise<readonly Digest[]> {
  const former = new Set<Digest>()
  const removed = new Set<Digest>()
  for (const tag of await records.listTagNames(name)) {
    let before: Digest | null = null
    for (const { record } of await records.history(name, tag)) {
      if (before !== null && record.digest === null) removed.add(before)
      if (before !== null && record.kind === 'image') former.add(before)
      before = record.digest
    }
  }
  return [...former].filter((digest) => !removed.has(digest))
}

async function childManifests(store: Store, digest: Digest): Promise<readonly Digest[]> {
  const bytes = await store.readManifest(digest).catch((error: unknown) => {
    // One damaged manifest must not be in the way of all others.
    if (isBallastError(error, 'DAMAGED') || isBallastError(error, 'NOT_FOUND')) return undefined
    throw error
  })
  if (bytes === undefined) return []
  const kind = describeManifest(bytes)
  const isIndex = 'mediaType' in kind && [OCI_INDEX, DOCKER_MANIFEST_LIST].includes(kind.mediaType)
  if (!isIndex) return []
  const children = await Promise.all(followedFrom(bytes).map((child) => store.aliases.resolve(child.digest)))
  return children.filter((child) => child !== undefined)
}
