import type { CallOptions, Checksum, Content } from '../core/index.ts'

/**
 * Where the files of a model come from, outside this machine: a bucket, a hub, a web server. Opened from an address and
 * whatever credentials its users have in place; nothing is asked of the other side before `list`.
 * `test/suites/source.ts` holds every implementation to this.
 */
export interface Source {
  /** As the user wrote it, without anything secret: for messages, and for what is recorded of a version's origin. */
  readonly address: string
  /**
   * What is there now. Throws NOT_FOUND where the bucket, repository, revision or prefix is not there, REFUSED where
   * a name is unsafe, UNAUTHORIZED where the credentials do not suffice (the hint says which were tried), REMOTE for all
   * else.
   */
  list(options?: CallOptions): Promise<Listing>
}

/** The files at one instant. Their content is that of this listing or cannot be read. */
export interface Listing {
  /** What upstream calls this state: a commit, a generation; undefined where it has no word for the whole. */
  readonly revision: string | undefined
  readonly files: readonly RemoteFile[]
  /** What was left out, for people. */
  readonly skipped: readonly string[]
}

export interface RemoteFile {
  /** In the model; has passed `checkFilePath`. */
  readonly path: string
  /** In bytes. */
  readonly size: number
  /**
   * Tells this content from any other that the same address ever has: an ETag, a version, a generation, a digest, with
   * the address. What was fetched of it before may be kept when this is the same. Nothing secret is in it.
   */
  readonly identity: string
  /** What upstream says of the content; held against the bytes that arrive. */
  readonly checksums: readonly Checksum[]
  /**
   * Read in ranges, several at once. Throws REFUSED, not retryable, once upstream has another content under the
   * address, and REMOTE, retryable, where a read breaks off: the caller takes it up where it stopped.
   */
  readonly content: Content
  /** A file of this machine that is said to hold the same: a cache of upstream's own tools. */
  readonly local?: string | undefined
  /** `false` where it can only be read from its beginning, by one reader. */
  readonly ranges?: boolean
}
