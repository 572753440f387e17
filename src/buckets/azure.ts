import type { BlobServiceClient, ContainerClient, StoragePipelineOptions } from '@azure/storage-blob'
import { BallastError, type CallOptions, type Checksum, type Content, readAll } from '../core/index.ts'
import type { Network } from '../http/index.ts'
import { abortable } from './abortable.ts'
import { azureDialect, azureStatusOf } from './azure-failures.ts'
import { azureParts } from './azure-parts.ts'
import type { Bucket, BucketObject } from './bucket.ts'
import { explain, explained } from './failures.ts'
import { sendInParts } from './parts.ts'
import { changedObject, readBody } from './reading.ts'
import { loadSdk } from './sdk.ts'

/** The variables AZURE_STORAGE_… of the az command. */
export interface AzureAccess {
  readonly connectionString?: string | undefined
  readonly account?: string | undefined
  readonly key?: string | undefined
  readonly sasToken?: string | undefined
}

/** Azure Blob Storage, a container of it. Without a key, SAS or connection string, by whatever identity there is. */
export async function openAzure(name: string, access: AzureAccess = {}, network?: Network): Promise<Bucket> {
  const service = await serviceClient(name, access, network)
  return azureBucket(service.getContainerClient(name), { name, until: endOfSas(access) })
}

/** Until when the SAS is good that is used (`se` of its parameters); undefined where another credential is. */
function endOfSas({ connectionString, key, sasToken }: AzureAccess): Date | undefined {
  const alone = key === undefined ? sasToken : undefined
  const sas =
    connectionString === undefined ? alone : /SharedAccessSignature=([^;]+)/.exec(connectionString)?.[1]
  const end = sas && new URLSearchParams(sas).get('se')
  return end ? new Date(end) : undefined
}

async function serviceClient(
  name: string,
  { connectionString, account, key, sasToken }: AzureAccess,
  network: Network | undefined,
): Promise<BlobServiceClient> {
  const sdk = await loadSdk('@azure/storage-blob', () => import('@azure/storage-blob'))
  const { azureRequests } = await import('./azure-requests.ts')
  const pipeline: StoragePipelineOptions = {
    retryOptions: { maxTries: 3 },
    httpClient: azureRequests(network),
  }
  if (connectionString !== undefined)
    return sdk.BlobServiceClient.fromConnectionString(connectionString, pipeline)
  if (account === undefined) {
    throw new BallastError('USAGE', `az://${name}: the storage account is not known`, {
      hint: 'set AZURE_STORAGE_ACCOUNT or AZURE_STORAGE_CONNECTION_STRING',
    })
  }
  const url = `https://${account}.blob.core.windows.net`
  if (key !== undefined) {
    return new sdk.BlobServiceClient(url, new sdk.StorageSharedKeyCredential(account, key), pipeline)
  }
  if (sasToken !== undefined)
    return new sdk.BlobServiceClient(`${url}?${sasToken.replace(/^\?/, '')}`, undefined, pipeline)
  const { DefaultAzureCredential } = await loadSdk('@azure/identity', () => import('@azure/identity'))
  return new sdk.BlobServiceClient(url, new DefaultAzureCredential(), pipeline)
}

function azureBucket(
  container: ContainerClient,
  { name, until }: { readonly name: string; readonly until: Date | undefined },
): Bucket {
  const dialect = azureDialect(name, until)
  const { address } = dialect
  const call = <T>({ signal }: CallOptions, work: () => Promise<T>): Promise<T> =>
    explained(dialect, signal, work)

  async function head(key: string, options: CallOptions = {}): Promise<BucketObject | undefined> {
    const { signal } = options
    return call(options, async () => {
      const found = await container
        .getBlobClient(key)
        .getProperties(abortable(signal))
        .catch(undefinedIfAbsent)
      if (found === undefined) await container.getProperties()
      return found && objectOf(key, found)
    })
  }

  function open(object: BucketObject): Content {
    const blob = container.getBlobClient(object.key)
    const explainRead = (error: unknown): unknown =>
      [404, 412, 416].includes(azureStatusOf(error) ?? 0)
        ? changedObject(address, object)
        : explain(dialect, error)
    return {
      size: object.size,
      ownChunks: true,
      open: (range = { offset: 0, length: object.size }, signal) =>
        readBody({ object, range, address, signal, explain: explainRead }, async (abortSignal) => {
          const answer = await blob.download(range.offset, range.length, {
            abortSignal,
            conditions: { ifMatch: object.version },
            // Whoever reads takes a broken read up again.
            maxRetryRequests: 0,
          })
          return answer.readableStreamBody as unknown as AsyncIterable<Uint8Array>
        }),
    }
  }

  return {
    address,
    head,
    open,
    async *list(prefix, options = {}) {
      const pages = container
        .listBlobsFlat({ prefix, ...abortable(options.signal) })
        .byPage({ maxPageSize: options.pageSize ?? 5000 })
      for (;;) {
        const { done, value } = await call(options, () => pages.next())
        if (done === true) return
        for (const { name: key, properties } of value.segment.blobItems) yield objectOf(key, properties)
      }
    },
    async get(key, options) {
      return call(options, async () => {
        const { signal } = options
        const found = await container
          .getBlobClient(key)
          .download(0, undefined, abortable(signal))
          .catch(undefinedIfAbsent)
        return (
          found && readAll(found.readableStreamBody as unknown as AsyncIterable<Uint8Array>, options.limit)
        )
      })
    },
    async put(key, bytes, { onlyNew = false, ...options } = {}) {
      return call(options, async () => {
        try {
          await container.getBlockBlobClient(key).upload(bytes, bytes.length, {
            ...(onlyNew && { conditions: { ifNoneMatch: '*' } }),
            ...abortable(options.signal),
          })
          return true
        } catch (error) {
          if (onlyNew && [409, 412].includes(azureStatusOf(error) ?? 0)) return false
          throw error
        }
      })
    },
    upload: (key, content, options) =>
      sendInParts(content, azureParts(container.getBlockBlobClient(key), dialect), options),
    async remove(key, options = {}) {
      await call(options, () => container.getBlobClient(key).deleteIfExists({ deleteSnapshots: 'include' }))
    },
    // Blocks that are in no blob go by themselves after a week.
    removeUnfinished: async () => 0,
  }
}

function undefinedIfAbsent(error: unknown): undefined {
  if (azureStatusOf(error) !== 404 || /ContainerNotFound/.test((error as { code?: string }).code ?? ''))
    throw error
  return undefined
}

interface Properties {
  readonly contentLength?: number
  readonly etag?: string
  readonly lastModified?: Date
  readonly contentMD5?: Uint8Array
}

function objectOf(key: string, { contentLength, etag, lastModified, contentMD5 }: Properties): BucketObject {
  return {
    key,
    size: contentLength ?? 0,
    version: etag === undefined || etag.startsWith('"') ? (etag ?? '') : `"${etag}"`,
    modified: lastModified ?? new Date(0),
    checksums: checksumsOf(contentMD5),
  }
}

function checksumsOf(md5: Uint8Array | undefined): readonly Checksum[] {
  return md5 === undefined || md5.length === 0
    ? []
    : [{ algorithm: 'md5', value: Buffer.from(md5).toString('hex') }]
}
