import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3'
import type { CallOptions } from '../core/index.ts'
import { abortable } from './abortable.ts'
import type { S3Connection } from './s3-connection.ts'
import { undefinedIfAbsent } from './s3-failures.ts'

/** Gives up multipart uploads that were begun before an instant and never completed. How many there were. */
export async function removeUnfinished(
  { sdk, client, name }: S3Connection,
  { prefix, before }: { readonly prefix: string; readonly before: Date },
  { signal }: CallOptions,
): Promise<number> {
  let removed = 0
  let marker: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {}
  while (marker !== undefined) {
    const command = new sdk.ListMultipartUploadsCommand({ Bucket: name, Prefix: prefix, ...marker })
    const page: ListMultipartUploadsCommandOutput = await client.send(command, abortable(signal))
    const { Uploads = [], NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
    for (const { Key, UploadId } of Uploads.filter(({ Initiated = before }) => Initiated < before)) {
      const abort = new sdk.AbortMultipartUploadCommand({ Bucket: name, Key, UploadId })
      await client.send(abort, abortable(signal)).catch(undefinedIfAbsent)
      removed++
    }
    const goesOn = page.IsTruncated === true && KeyMarker !== undefined
    marker = goesOn ? { KeyMarker, ...(UploadIdMarker !== undefined && { UploadIdMarker }) } : undefined
  }
  return removed
}
