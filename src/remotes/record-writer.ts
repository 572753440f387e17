import { type Bucket, hasConditionalWrites } from '../buckets/index.ts'
import { BallastError, type CallOptions } from '../core/index.ts'
import { withClaim } from './claims.ts'
import { FORMAT, LARGEST_RECORD, type RemoteLayout } from './layout.ts'
import { formatOf, ownFormat, upgradeRemote } from './upgrade.ts'

/** Creates records, each once: of two writers at the same key, one is told that it did. */
export interface RecordWriter {
  /** False where the key is taken by other bytes than these. */
  create(key: string, bytes: Buffer, options?: CallOptions): Promise<boolean>
}

/**
 * For who changes something; makes the remote where there is none. Throws REFUSED for one that a later Ballast wrote, and where the
 * server has no conditional writes, unless `lock` is chosen: see `withClaim` for what that rests on.
 */
export async function openRecordWriter(
  bucket: Bucket,
  layout: RemoteLayout,
  { lock, ...options }: CallOptions & { readonly lock: boolean },
): Promise<RecordWriter> {
  const found = await checkFormat(bucket, layout, options)
  const isConditional = await hasConditionalWrites(
    bucket,
    { key: layout.format, bytes: ownFormat() },
    options,
  )
  if (!isConditional && !lock) {
    throw new BallastError(
      'REFUSED',
      `${bucket.address} has no conditional writes: two who change it at once could lose one another’s changes`,
      {
        hint: 'use a server that has them, or --lock, where every writer uses it (docs/design.md, "Remotes in buckets")',
      },
    )
  }
  if (found !== undefined && found < FORMAT) await upgradeRemote(bucket, layout, options)
  else if (!isConditional) await bucket.put(layout.format, ownFormat(), options)
  return isConditional ? conditionalWriter(bucket) : claimingWriter(bucket, layout)
}

/** Throws REFUSED. The remote's format; undefined where there is none. */
export async function checkFormat(
  bucket: Bucket,
  layout: RemoteLayout,
  options: CallOptions = {},
): Promise<number | undefined> {
  const found = await formatOf(bucket, layout, options)
  if (found === undefined || found <= FORMAT) return found
  throw new BallastError('REFUSED', `${bucket.address}/${layout.root} was written by a later Ballast`, {
    hint: 'update Ballast',
  })
}

function conditionalWriter(bucket: Bucket): RecordWriter {
  return {
    create: async (key, bytes, options) =>
      (await bucket.put(key, bytes, { ...options, onlyNew: true })) || isOwn(bucket, { key, bytes }, options),
  }
}

function claimingWriter(bucket: Bucket, layout: RemoteLayout): RecordWriter {
  return {
    create: (key, bytes, options = {}) =>
      withClaim(bucket, layout.claims, options, async (stillHeld) => {
        if ((await bucket.head(key, options)) !== undefined) return isOwn(bucket, { key, bytes }, options)
        stillHeld()
        await bucket.put(key, bytes, options)
        return isOwn(bucket, { key, bytes }, options)
      }),
  }
}

/** A first try may have arrived whose answer did not: each record has an id of its own, so its bytes tell whose it is. */
async function isOwn(
  bucket: Bucket,
  { key, bytes }: { readonly key: string; readonly bytes: Buffer },
  options: CallOptions = {},
): Promise<boolean> {
  return (await bucket.get(key, { ...options, limit: LARGEST_RECORD }))?.equals(bytes) === true
}
