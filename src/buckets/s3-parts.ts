import { abortable } from './abortable.ts'
import { type Dialect, explained } from './failures.ts'
import { md5Bytes } from './md5.ts'
import type { PartSink, PartUpload } from './parts.ts'
import type { S3Connection } from './s3-connection.ts'
import { statusOf } from './s3-failures.ts'

/** S3's multipart upload; each part with its MD5, which every server checks. */
export function s3Parts(
  { sdk, client, name }: S3Connection,
  { key, size, dialect }: { readonly key: string; readonly size: number; readonly dialect: Dialect },
): PartSink {
  const at = { Bucket: name, Key: key }

  async function begin(signal: AbortSignal | undefined): Promise<PartUpload> {
    const { UploadId } = await explained(dialect, signal, () =>
      client.send(new sdk.CreateMultipartUploadCommand(at), abortable(signal)),
    )
    const upload = { ...at, UploadId }
    const etags: (string | undefined)[] = []
    return {
      part: (index, bytes, signal) =>
        explained(dialect, signal, async () => {
          const command = new sdk.UploadPartCommand({
            ...upload,
            PartNumber: index + 1,
            Body: bytes,
            ContentLength: bytes.length,
            ContentMD5: md5Bytes(bytes).toString('base64'),
          })
          etags[index] = (await client.send(command, abortable(signal))).ETag
        }),
      async complete(signal) {
        const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }))
        const command = new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } })
        await explained(dialect, signal, () =>
          client.send(command, abortable(signal)).catch(async (error: unknown) => {
            // A first try may have completed it whose answer was lost.
            if (statusOf(error) !== 404) throw error
            const there = await client
              .send(new sdk.HeadObjectCommand(at), abortable(signal))
              .catch(() => undefined)
            if (there?.ContentLength !== size) throw error
          }),
        )
      },
      async abandon() {
        await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined)
      },
    }
  }

  return {
    begin,
    async whole(bytes, signal) {
      const command = new sdk.PutObjectCommand({
        ...at,
        Body: bytes,
        ContentLength: bytes.length,
        ContentMD5: md5Bytes(bytes).toString('base64'),
      })
      await explained(dialect, signal, () => client.send(command, abortable(signal)))
    },
  }
}
