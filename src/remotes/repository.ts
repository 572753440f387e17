import type { Bucket } from '../buckets/index.ts'
import {
  BallastError,
  bytesContent,
  type CallOptions,
  type Content,
  digestOf,
  isDigest,
  readAll,
  throwIfAborted,
  verified,
} from '../core/index.ts'
import { unlessAborted } from '../http/index.ts'
import {
  isOwnManifest,
  LARGEST_MANIFEST,
  numberOfTag,
  parseTag,
  type RepositoryName,
  type Tag,
} from '../model/index.ts'
import { type BlobDescriptor, type ImageRepository, mediaTypeOf, type StoredManifest } from '../oci/index.ts'
import { remoteBlob } from './blob-content.ts'
import { blobKey, layoutOf } from './layout.ts'
import { type SignOfLife, takeLease } from './leases.ts'
import { checkFormat, openRecordWriter, type RecordWriter } from './record-writer.ts'
import { type RemoteRecords, remoteRecords } from './records.ts'
import { remoteReferrers } from './referrers.ts'

/** One model of a remote in a bucket. Blobs are shared by all models below one root. */
export interface BucketRepository extends ImageRepository {
  readonly records: RemoteRecords
  /** For who changes records itself. Throws REFUSED where the server has no conditional writes and no lock was chosen. */
  writer(options?: CallOptions): Promise<RecordWriter>
  close(): Promise<void>
}

export interface OpenRemoteOptions {
  /** Keys below it are the remote's. */
  readonly root: string
  readonly name: RepositoryName
  /** Writers take turns by a lock, where the server has no conditional writes. */
  readonly lock?: boolean | undefined
}

/** Asks nothing of the other side yet, and makes nothing there before it is written to. */
export function openBucketRepository(
  bucket: Bucket,
  { root, name, lock = false }: OpenRemoteOptions,
): BucketRepository {
  const layout = layoutOf(root)
  const records = remoteRecords(bucket, layout, name)
  const scope = `${bucket.address}/${layout.root}`
  let opening: Promise<RecordWriter> | undefined
  let leasing: { readonly lease: Promise<SignOfLife>; readonly giveUp: AbortController } | undefined

  function beginLease(): NonNullable<typeof leasing> {
    const giveUp = new AbortController()
    return { lease: takeLease(bucket, layout, { signal: giveUp.signal }), giveUp }
  }

  /** Whoever begins to write may wait for a `gc`, once. */
  async function writing(
    options: CallOptions = {},
  ): Promise<{ readonly writer: RecordWriter; readonly lease: SignOfLife }> {
    throwIfAborted(options.signal)
    opening ??= openRecordWriter(bucket, layout, { lock })
    const writer = await unlessAborted(opening, options.signal)
    leasing ??= beginLease()
    return { writer, lease: await unlessAborted(leasing.lease, options.signal) }
  }

  async function hasBlob(blob: BlobDescriptor, options?: CallOptions): Promise<boolean> {
    await writing(options)
    return (await bucket.head(blobKey(layout, blob.digest), options))?.size === blob.size
  }

  async function putBlob(blob: BlobDescriptor, content: Content, options: CallOptions = {}): Promise<void> {
    if (await hasBlob(blob, options)) return
    const { digest } = blob
    await bucket.upload(
      blobKey(layout, digest),
      { ...content, size: blob.size },
      { ...options, digest, item: digest },
    )
  }

  async function getManifest(
    reference: string,
    options: CallOptions = {},
  ): Promise<StoredManifest | undefined> {
    const digest = isDigest(reference) ? reference : await records.resolve(reference, options)
    const object = digest && (await bucket.head(blobKey(layout, digest), options))
    if (digest === undefined) return undefined
    if (object === undefined) {
      if (isDigest(reference)) return undefined
      throw new BallastError('DAMAGED', `${scope}${name}: the manifest ${digest} is missing`)
    }
    const content = remoteBlob({ bucket, layout }, { digest, size: object.size })
    const chunks = verified(content.open(undefined, options.signal), { digest, size: object.size })
    const bytes = await readAll(chunks, LARGEST_MANIFEST)
    return { mediaType: mediaTypeOf(bytes), digest, bytes }
  }

  async function putManifest(
    manifest: StoredManifest,
    tag: string | undefined,
    options: CallOptions = {},
  ): Promise<void> {
    const { digest, bytes } = manifest
    if (digestOf(bytes) !== digest)
      throw new BallastError('DAMAGED', `these bytes are not manifest ${digest}`)
    const { writer, lease } = await writing(options)
    await putBlob({ digest, size: bytes.length }, bytesContent(bytes), { signal: options.signal })
    lease.requireAlive()
    if (tag === undefined) return
    const kind = isOwnManifest(bytes) ? 'model' : 'image'
    const number = numberOfTag(tag)
    if (number !== undefined && kind === 'model')
      await records.claimNumber(writer, { digest, number, from: 'push' }, options)
    else await records.moveTag(writer, { tag: parseTag(tag), digest, kind, by: 'push' }, options)
  }

  return {
    name: `${scope}${name}`,
    scope,
    records,
    writer: async (options) => (await writing(options)).writer,
    getManifest,
    async headManifest(reference, options) {
      if (!isDigest(reference)) return records.resolve(reference, options)
      return (await bucket.head(blobKey(layout, reference), options)) === undefined ? undefined : reference
    },
    openBlob: (blob, options) => remoteBlob({ bucket, layout }, blob, options),
    hasBlob,
    mountBlob: async (blob, from, options) => from.scope === scope && hasBlob(blob, options),
    putBlob,
    putManifest,
    async listTags(options) {
      await checkFormat(bucket, layout, options)
      const tags = (await records.listTags(options)).map(({ tag }) => tag as string)
      const numbers = (await records.listVersions(options)).map(({ number }) => `${number}`)
      return [...new Set([...tags, ...numbers])].sort()
    },
    async deleteTag(tag, options) {
      const { writer } = await writing(options)
      const found = (await records.listTags(options)).find((current) => current.tag === tag)
      if (found === undefined) return false
      await records.moveTag(
        writer,
        { tag: tag as Tag, digest: null, kind: found.kind, by: 'remove' },
        options,
      )
      return true
    },
    referrers: remoteReferrers(bucket, layout, { name, putManifest }),
    async close() {
      leasing?.giveUp.abort()
      await (await leasing?.lease.catch(() => undefined))?.end()
      leasing = undefined
    },
  }
}
