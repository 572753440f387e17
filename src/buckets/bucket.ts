import type { CallOptions, Checksum, Content, Digest } from '../core/index.ts'

/**
 * One bucket or container of an object store, read after write: what was written is found, and listed, from then on.
 * `test/suites/bucket.ts` holds every implementation to this.
 *
 * Every call throws NOT_FOUND where the bucket itself is not there, UNAUTHORIZED where the credentials do not suffice
 * (the hint says where they are looked for), DISK where there is no space left, INTERRUPTED, and REMOTE for all else, `retryable`
 * where trying again may help. Calls are tried again a few times before they throw that.
 */
export interface Bucket {
  /** As its users write it: `s3://models`. */
  readonly address: string
  /** Undefined where there is no such object. */
  head(key: string, options?: CallOptions): Promise<BucketObject | undefined>
  /** All objects whose keys begin with the prefix, by rising key. */
  list(prefix: string, options?: ListOptions): AsyncIterable<BucketObject>
  /**
   * The bytes of this state of the object, in ranges and several at once. Throws REFUSED once the key holds another
   * one or nothing, and REMOTE, retryable, where a read breaks off: that alone is not tried again, because whoever reads takes
   * it up where it stopped (`retriedContent`).
   */
  open(object: BucketObject): Content
  /** A small object in memory; undefined where there is none. Throws REFUSED for more than `limit` bytes. */
  get(key: string, options: GetOptions): Promise<Buffer | undefined>
  /**
   * Writes a small object, at once or not at all. With `onlyNew`, false where the key is taken already: perhaps by this
   * very call, whose first answer was lost, so that whoever needs to know compares the bytes. Throws REFUSED where the
   * server says that it has no conditional writes; one that does not say so is found out by `hasConditionalWrites`.
   */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<boolean>
  /** Writes content of any size in parts. Visible only when complete. Throws DAMAGED where it is not what `digest` says. */
  upload(key: string, content: Content, options: UploadOptions): Promise<void>
  /** Of an object that is not there, success. */
  remove(key: string, options?: CallOptions): Promise<void>
  /** Gives up uploads below the prefix that were begun before that time and never completed, where the server keeps them. */
  removeUnfinished(prefix: string, before: Date, options?: CallOptions): Promise<number>
}

export interface BucketObject {
  readonly key: string
  /** In bytes. */
  readonly size: number
  /** Tells this content from any other that the key ever holds: an ETag or a generation. */
  readonly version: string
  /** By the server's clock, to the second. */
  readonly modified: Date
  /** Of the whole object. Undefined where a listing does not tell them: `head` does. */
  readonly checksums: readonly Checksum[] | undefined
}

export interface ListOptions extends CallOptions {
  /** How many are asked for at once: for who wants the first ones alone. By default, as many as the server gives. */
  readonly pageSize?: number
}

export interface GetOptions extends CallOptions {
  readonly limit: number
}

export interface PutOptions extends CallOptions {
  readonly onlyNew?: boolean
}

export interface UploadOptions extends CallOptions {
  readonly digest: Digest
  /** For people, in progress: a file's path. */
  readonly item: string
}
