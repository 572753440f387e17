import {
  BallastError,
  bytesContent,
  compareBytes,
  type Digest,
  forEachLimited,
  isSha512,
  sha512Of,
} from '../../core/index.ts'
import {
  blobsOfFiles,
  MODEL_MANIFEST,
  numberOfTag,
  parseJson,
  type RepositoryName,
  type Tag,
  type Version,
} from '../../model/index.ts'
import { missingBlob, type Session, type Store } from '../../store/index.ts'
import { describeManifest, distributedFrom } from './manifest-kind.ts'
import { createPushLeases } from './push-leases.ts'
import type { RegistryStorage } from './storage.ts'
import { LOOKS_AT_ONCE, openBlob } from './store-blobs.ts'
import { manifestsOf } from './store-manifests.ts'
import { removeManifest, removeTag } from './store-removal.ts'
import { createStoreUploads, type UploadLimits } from './store-uploads.ts'

/** Whether a manifest that a tag points to may be given out by that name. Throws REFUSED. */
export type AdmitTag = (name: RepositoryName, tag: Tag, digest: Digest) => Promise<void>

/**
 * A store as a registry: its models, and images whose layers are made from its blobs while they are read.
 * A manifest with the artifact type of ModelPack becomes a numbered version of the model; any other is an image.
 */
export function createStoreStorage(
  store: Store,
  { admit, ...limits }: UploadLimits & { readonly admit?: AdmitTag | undefined } = {},
): RegistryStorage {
  const leases = createPushLeases(store)
  const uploads = createStoreUploads(store, { keep: leases.keep, limits })
  const { records, blobs } = store

  /** Leased before it looks: what is there then stays, and a lease on anything else keeps nothing. */
  async function sizes(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number>> {
    await leases.keep(digests)
    const found = new Map<Digest, number>()
    await forEachLimited(digests, LOOKS_AT_ONCE, async (digest) => {
      const content = await openBlob(store, digest)
      if (content !== undefined) found.set(digest, content.size)
    })
    return found
  }

  return {
    uploads,
    sizes,
    canonical: (digest) => store.aliases.resolve(digest),
    async openBlob(digest, { keep = false } = {}) {
      if (keep) await leases.keep([digest])
      return openBlob(store, digest)
    },
    async resolve(name, reference) {
      if ('tag' in reference) {
        const { tag } = reference
        const found = await records.resolve({ name, tag })
        if (found !== undefined) await admit?.(name, tag, found)
        return found
      }
      const { digest } = reference
      const recorded = await records.resolve({ name, digest })
      // Who looks for a manifest that is nowhere, as before every push, need not wait until all others were read.
      if (recorded !== undefined || (await blobs.stat(digest)) === undefined) return recorded
      return (await manifestsOf(store, name)).find((found) => found === digest)
    },
    async nameOf({ bytes, digest }) {
      const alias = await sha512Of(bytesContent(bytes).open())
      return (await store.aliases.resolve(alias)) === digest ? alias : digest
    },
    async deleteBlob(digest) {
      if ((await openBlob(store, digest)) === undefined) return false
      // Of a push that this client, or another, has not completed: it sends the blob again.
      if (await store.removeBlob(digest, { besides: leases.sessions() })) return true
      throw new BallastError('CONFLICT', `${digest} is needed: delete the manifests that refer to it first`)
    },
    async getManifest(digest) {
      if ((await blobs.stat(digest)) === undefined) return undefined
      const bytes = await store.readManifest(digest)
      const kind = describeManifest(bytes)
      return 'problem' in kind ? undefined : { mediaType: kind.mediaType, digest, bytes }
    },
    async putManifest(name, { bytes, digest }, { tags = [], named = digest } = {}) {
      const isModel = parseJson(bytes)?.artifactType === MODEL_MANIFEST
      const version = isModel ? await store.decodeVersion(bytes) : undefined
      await using session = await store.begin()
      await leaseChildren(store, session, bytes)
      await blobs.ingest(session, bytesContent(bytes).open(), {
        item: `manifest of ${name}`,
        expected: { digest },
      })
      if (isSha512(named)) await store.aliases.put(session, named, digest)
      if (version !== undefined) await rememberPacks(store, session, version)
      if (isModel) {
        const wanted = tags.map(numberOfTag).find((number) => number !== undefined)
        await records.claimNumber(session, name, { digest, from: 'registry', wanted, given: true })
      } else if (tags.length === 0) {
        // Only here, or no image could ever be collected. A client pushes the children of an index in this way, and
        // they stay when the index goes, until they are deleted: they may have been meant to be pulled by digest.
        await records.addUntagged(session, name, digest)
      }
      for (const tag of tags) {
        // Of a model, a tag that is a number is the claim made above.
        if (isModel && numberOfTag(tag) !== undefined) continue
        if ((await records.resolve({ name, tag })) !== digest) {
          await records.moveTag(session, name, tag, { digest, kind: isModel ? 'model' : 'image', by: 'push' })
        }
      }
      await store.project(session)
    },
    deleteManifest: (name, reference) =>
      'tag' in reference
        ? removeTag(store, name, reference.tag)
        : removeManifest(store, name, reference.digest),
    async listRepositories() {
      const names = await records.listNames()
      const filled = await Promise.all(names.map(async (name) => (await manifestsOf(store, name)).length > 0))
      return names.filter((_, index) => filled[index])
    },
    async listTags(name) {
      if (!(await records.listNames()).includes(name)) return undefined
      const tags: string[] = (await records.listTags(name)).map(({ tag }) => tag)
      const numbers = (await records.listVersions(name)).map(({ number }) => `${number}`)
      return [...new Set([...tags, ...numbers])].sort(compareBytes)
    },
    listManifests: (name) => manifestsOf(store, name),
    async close() {
      await uploads.close()
      await leases.close()
    },
  }
}

/** Whatever was deleted since the client asked for it is missed here, for the last time. Throws NOT_FOUND. */
async function leaseChildren(store: Store, session: Session, manifest: Uint8Array): Promise<void> {
  const children = await Promise.all(
    distributedFrom(manifest).map((child) => store.aliases.resolve(child.digest)),
  )
  const digests = children.filter((digest) => digest !== undefined)
  await session.lease(digests)
  await forEachLimited(digests, LOOKS_AT_ONCE, async (digest) => {
    if ((await openBlob(store, digest)) === undefined) throw missingBlob(digest)
  })
}

/** Here they have been read once, and every command that looks at the version would have to again. */
async function rememberPacks(store: Store, session: Session, { files }: Version): Promise<void> {
  for (const { digest, size, files: held } of blobsOfFiles(files)) {
    const packed = held.filter(({ pack }) => pack !== undefined)
    if (packed.length > 0) await store.packs.remember(session, { digest, size }, packed)
  }
}
