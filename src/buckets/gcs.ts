import type { FileMetadata } from '@google-cloud/storage'
import { type CallOptions, type Checksum, type Content, readAll } from '../core/index.ts'
import { type Network, RETRY_DELAYS, withRetries } from '../http/index.ts'
import type { Bucket, BucketObject } from './bucket.ts'
import { explain, explained } from './failures.ts'
import { gcsDialect, gcsStatusOf } from './gcs-failures.ts'
import { gcsParts } from './gcs-parts.ts'
import { gcsReads } from './gcs-reads.ts'
import { sendInParts } from './parts.ts'
import { changedObject, readBody } from './reading.ts'
import { loadSdk } from './sdk.ts'

export interface GcsAccess {
  /** Of a server that is not Google's, which is asked without credentials. */
  readonly endpoint?: string | undefined
}

/** Google Cloud Storage. The application default credentials are found by its library, workload identity among them. */
export async function openGcs(
  name: string,
  { endpoint }: GcsAccess = {},
  network?: Network,
): Promise<Bucket> {
  const { Storage } = await loadSdk('@google-cloud/storage', () => import('@google-cloud/storage'))
  const storage = new Storage({
    ...(endpoint !== undefined && { apiEndpoint: endpoint, projectId: 'none' }),
    retryOptions: { maxRetries: 3 },
  })
  // Where STORAGE_EMULATOR_HOST is set too, the library leaves the path of its own API out.
  if (endpoint !== undefined) storage.baseUrl = `${storage.apiEndpoint}/storage/v1`
  const bucket = storage.bucket(name)
  const dialect = gcsDialect(name)
  const { address } = dialect
  const call = <T>({ signal }: CallOptions, work: () => Promise<T>): Promise<T> =>
    explained(dialect, signal, work)

  const read = gcsReads(storage, { bucket: name, network, hasLogin: endpoint === undefined })

  function open(object: BucketObject): Content {
    const explainRead = (error: unknown): unknown =>
      [404, 412, 416].includes(gcsStatusOf(error) ?? 0)
        ? changedObject(address, object)
        : explain(dialect, error)
    return {
      size: object.size,
      ownChunks: true,
      open: (range = { offset: 0, length: object.size }, signal) =>
        readBody({ object, range, address, signal, explain: explainRead }, (stop) =>
          read({ key: object.key, generation: object.version, range }, stop),
        ),
    }
  }

  return {
    address,
    open,
    async head(key, options = {}) {
      return call(options, async () => {
        const [found] = await bucket.file(key).getMetadata().catch(undefinedIfAbsent)
        if (found === undefined) await requireBucket()
        return found && objectOf(found)
      })
    },
    async *list(prefix, options = {}) {
      let pageToken: string | undefined
      do {
        const [files, next] = await call(options, () =>
          bucket.getFiles({
            prefix,
            autoPaginate: false,
            maxResults: options.pageSize ?? 1000,
            ...(pageToken && { pageToken }),
          }),
        )
        for (const { metadata } of files) yield objectOf(metadata)
        pageToken = (next as { readonly pageToken?: string } | null)?.pageToken
      } while (pageToken !== undefined)
    },
    get: (key, options) =>
      withRetries(RETRY_DELAYS, options.signal, () =>
        call(options, async () => {
          const [body] = await read({ key }, options.signal).then((found) => [found], undefinedIfAbsent)
          if (body !== undefined) return readAll(body, options.limit)
          await requireBucket()
          return undefined
        }),
      ),
    async put(key, bytes, { onlyNew = false, ...options } = {}) {
      return call(options, async () => {
        try {
          await bucket.file(key).save(Buffer.from(bytes), {
            resumable: false,
            validation: 'md5',
            ...(onlyNew && { preconditionOpts: { ifGenerationMatch: 0 } }),
          })
          return true
        } catch (error) {
          if (onlyNew && gcsStatusOf(error) === 412) return false
          throw error
        }
      })
    },
    upload: (key, content, options) =>
      sendInParts(content, { ...gcsParts(bucket, { key, dialect }), bandwidth: network?.bandwidth }, options),
    async remove(key, options = {}) {
      await call(options, () => bucket.file(key).delete({ ignoreNotFound: true }))
    },
    // What was not completed goes by itself after a week.
    removeUnfinished: async () => 0,
  }

  async function requireBucket(): Promise<void> {
    await bucket.getMetadata()
  }
}

function undefinedIfAbsent(error: unknown): [undefined] {
  if (gcsStatusOf(error) === 404) return [undefined]
  throw error
}

function objectOf(found: FileMetadata): BucketObject {
  return {
    key: found.name ?? '',
    size: Number(found.size ?? 0),
    version: `${found.generation ?? ''}`,
    modified: new Date(found.updated ?? 0),
    checksums: checksumsOf(found),
  }
}

function checksumsOf({ md5Hash, crc32c }: FileMetadata): readonly Checksum[] {
  const told = { md5: md5Hash, crc32c } as const
  return Object.entries(told).flatMap(([algorithm, value]) =>
    value === undefined || value === ''
      ? []
      : [{ algorithm: algorithm as 'md5' | 'crc32c', value: Buffer.from(value, 'base64').toString('hex') }],
  )
}
