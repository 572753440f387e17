import type { AnyDigest, Content, Digest } from '../../core/index.ts'
import type { RepositoryName, Tag } from '../../model/index.ts'
import type { StoredManifest } from '../../oci/index.ts'

/** A tag or a digest, already checked. */
export type ManifestReference = { readonly tag: Tag } | { readonly digest: Digest }

export interface PutOptions {
  readonly tags?: readonly Tag[]
  /** The digest by which the client names the manifest. */
  readonly named?: AnyDigest
}

/**
 * What a registry answers from. Blobs belong to all repositories, manifests and tags to one.
 * Whatever resolves is durable, and visible to the next call. Failures that are not named here are bugs or disk
 * failures, and answered with 500.
 */
export interface RegistryStorage {
  /** The sha256 digest of what a client named by another one; undefined for a name that nobody gave. */
  canonical(digest: AnyDigest): Promise<Digest | undefined>
  /** The manifest that a tag or digest stands for in this repository; undefined when there is none. */
  resolve(name: RepositoryName, reference: ManifestReference): Promise<Digest | undefined>
  /** The digest that a client was told, or told itself, when it put the manifest. */
  nameOf(manifest: StoredManifest): Promise<AnyDigest>
  /** The exact bytes that were put; undefined when there are none. */
  getManifest(digest: Digest): Promise<StoredManifest | undefined>
  /**
   * Makes the manifest visible by its digest and then under the tags. The handler has checked that the bytes have the
   * digest and that all that it refers to is there, and of the size that it says. Throws NOT_FOUND for what was deleted
   * since, DAMAGED for a manifest that cannot be what it says it is, CONFLICT for a tag that may not move there.
   */
  putManifest(name: RepositoryName, manifest: StoredManifest, options?: PutOptions): Promise<void>
  /** False when there was none. By digest, its tags go too. Throws CONFLICT for what may not be removed. */
  deleteManifest(name: RepositoryName, reference: ManifestReference): Promise<boolean>
  /** Those that something can be pulled from, sorted. */
  listRepositories(): Promise<readonly RepositoryName[]>
  /** Sorted by code units; undefined when nothing was ever put into the repository. */
  listTags(name: RepositoryName): Promise<readonly string[] | undefined>
  /** Everything that `resolve` finds by digest. */
  listManifests(name: RepositoryName): Promise<readonly Digest[]>

  /**
   * Undefined when absent or damaged, so that a client sends it again. Reads no content. With `keep`, one that is
   * there stays for as long as a push takes.
   */
  openBlob(digest: Digest, options?: { readonly keep?: boolean }): Promise<Content | undefined>
  /** The bytes of those that are there; they stay for as long as a push takes, whatever else is cleaned up. */
  sizes(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number>>

  /** False when absent. Throws CONFLICT for one that a manifest refers to, in any repository, or work in flight needs. */
  deleteBlob(digest: Digest): Promise<boolean>

  readonly uploads: Uploads
  /** Gives up uploads that are open, and whatever else is held. */
  close(): Promise<void>
}

/** Blobs on their way in. An upload is named by an id that cannot be guessed, and forgotten when nobody goes on with it. */
export interface Uploads {
  /** Throws LOCKED while too many are open. */
  create(): Promise<string>
  /** Bytes so far; undefined when there is no such upload. */
  size(id: string): Promise<number | undefined>
  /**
   * Adds to the end; resolves to the bytes so far. When `chunks` throws, what came before it stays.
   * Throws NOT_FOUND for an unknown upload, CONFLICT while another call adds to it, REFUSED for a blob that is too large.
   */
  append(id: string, chunks: AsyncIterable<Uint8Array>): Promise<number>
  /** Ends the upload: the blob is visible, or DAMAGED is thrown for another digest, and nothing stays. Throws NOT_FOUND. */
  commit(id: string, digest: AnyDigest): Promise<void>
  /** False when there is no such upload. */
  cancel(id: string): Promise<boolean>
}
