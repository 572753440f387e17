import type { CallOptions, Content, Digest } from '../core/index.ts'
import type { Descriptor } from '../model/index.ts'

/** A manifest or index, exactly as it is stored. `digest` is that of `bytes`. */
export interface StoredManifest {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Buffer
}

export type BlobDescriptor = Pick<Descriptor, 'digest' | 'size'>

export interface OpenBlobOptions extends CallOptions {
  /** Whoever reads takes up a read that breaks off itself, so that the repository is not to. */
  readonly once?: boolean
}

/**
 * Manifests under tags, and the blobs that they refer to: one repository of a registry, or one OCI image layout.
 * Whoever writes keeps the order blobs, manifest, tag; a repository may refuse a manifest whose blobs it lacks.
 *
 * Every call throws REMOTE (with `retryable` where trying again may help), UNAUTHORIZED, DISK or INTERRUPTED.
 */
export interface ImageRepository {
  /** For people: `localhost:5000/app` or `oci:./dir`. */
  readonly name: string
  /** Equal for repositories between which `mountBlob` may succeed. */
  readonly scope: string
  /** No larger blob can be put, in bytes; undefined where none is known to be refused. */
  readonly largestBlob?: number
  /** By tag or digest; undefined when there is none. Verified against the digest. */
  getManifest(reference: string, options?: CallOptions): Promise<StoredManifest | undefined>
  /** The digest that a tag or digest stands for, where that can be had without the manifest; undefined when there is none. */
  headManifest?(reference: string, options?: CallOptions): Promise<Digest | undefined>
  /** The blob's bytes, not verified: wrap in `verified`. Throws NOT_FOUND once it is opened, if it is missing. */
  openBlob(blob: BlobDescriptor, options?: OpenBlobOptions): Content
  /**
   * What was read of a blob turned out to be something else. True where there is another place, which is read from then on; absent
   * where there is only one.
   */
  doubt?(blob: BlobDescriptor): boolean
  /** Never reads the content. */
  hasBlob(blob: BlobDescriptor, options?: CallOptions): Promise<boolean>
  /** Takes the blob over from another repository without moving its bytes; false when that is not possible here. */
  mountBlob(blob: BlobDescriptor, from: ImageRepository, options?: CallOptions): Promise<boolean>
  /** Visible only when complete and verified. Writing what exists is success. May open `content` again to retry. */
  putBlob(blob: BlobDescriptor, content: Content, options?: CallOptions): Promise<void>
  /**
   * Begins to send a blob whose digest is not known yet, where the repository can. Reads `content` at once, and never
   * throws: what fails shows when the upload is finished.
   */
  beginBlob?(content: Content, options?: CallOptions): BlobUpload
  /** Under the tag as well, where one is given; a tag that exists moves. */
  putManifest(manifest: StoredManifest, tag?: string, options?: CallOptions): Promise<void>
  /** All tags, sorted by code units; none when the repository does not exist. */
  listTags(options?: CallOptions): Promise<readonly string[]>
  /** False when there is no such tag. Throws REMOTE where it turns out that tags cannot be removed alone. */
  deleteTag?(tag: string, options?: CallOptions): Promise<boolean>
  /** Of repositories that can say what is attached to a manifest. */
  readonly referrers?: Referrers
  /** Of what holds images of one platform each, and no index of several: Engines, and archives for them. */
  readonly onePlatform?: true
  /** Of repositories that keep images but no manifests, as Engines do. Whether what is put has the right bytes they find out themselves. */
  readonly whole?: WholeImages
  /** Gives up what has been put but is not visible yet, where the repository holds any. For whoever is done with writing, or failed. */
  close?(): Promise<void>
}

/** Manifests that are attached to others by their `subject` (OCI image-spec, manifest.md). */
export interface Referrers {
  /** In no order; none for a manifest that is not there. */
  list(subject: Digest, options?: CallOptions): Promise<readonly Descriptor[]>
  /** `manifest` has a subject, and its blobs are there; without a tag. */
  put(manifest: StoredManifest, options?: CallOptions): Promise<void>
}

/** A blob that is being sent. Whoever began it finishes or cancels it: until then it takes up room. */
export interface BlobUpload {
  /** Once nothing is being sent any more: whether all bytes have arrived. Never rejects. */
  readonly sent: Promise<boolean>
  /**
   * Waits for the bytes and makes them visible as the blob. False where that fails, at whatever point, or where what was
   * sent is another thing: nothing is left, and `putBlob` has to send it or say what is wrong. Throws INTERRUPTED.
   */
  finish(blob: BlobDescriptor, options?: CallOptions): Promise<boolean>
  /** Leaves nothing of it, except of one that was finished. Never throws. */
  cancel(): Promise<void>
}

/** A layer as it is moved, and its diffID. */
export type ImageLayer = BlobDescriptor & { readonly diffId: Digest }

export interface RunningContainer {
  readonly id: string
  readonly name: string
}

/**
 * What is different where images are known as wholes, by an id: a layer is there only above the same layers, and to read
 * a manifest may mean reading the image. Calls throw what those of the repository throw.
 */
export interface WholeImages {
  /** Names the image that is put next, its layers lowest first, before any of its blobs is looked for. */
  begin(
    image: { readonly manifest: StoredManifest; readonly layers: readonly ImageLayer[] },
    options?: CallOptions,
  ): Promise<void>
  /** What a tag leads to; undefined when there is no such tag. Nothing of the image is read. */
  find(tag: string, options?: CallOptions): Promise<Digest | undefined>
  /** The id that an image with this manifest has or would get. */
  idOf(manifest: StoredManifest): Promise<Digest>
  /** Points one more tag to an image; a tag that exists moves. */
  addTag(id: Digest, tag: string, options?: CallOptions): Promise<void>
  /** Running containers that were made from the image. */
  runningFrom(id: Digest, options?: CallOptions): Promise<readonly RunningContainer[]>
  /** What to do when there is no image of a name, for people. */
  readonly ifMissing: string
}
